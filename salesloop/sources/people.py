"""Who is who: one id a rep over all files, reps from owners where no table of users is there, memberships."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from salesloop.sources.build import Built

_OWNED = ("opportunities", "leads", "accounts", "contacts", "activities", "orders", "order_lines")


_LEFT = re.compile(
    r"\s*[(（\[](?:inactive|deactivated|disabled|former|ex|left|离职|已离职|停用|已停用|inaktiv|inactif)[)）\]]\s*$",
    re.I,
)


def norm(name: str) -> str:
    """Return a person's name as it is compared.

    Examples
    --------
    >>> norm(" Moses  FRASE ") == norm("moses frase"), norm("张 三") == norm("张三")
    (True, True)
    >>> norm("Berg, Anna (Inactive)") == norm("Anna Berg"), norm("李四（离职）") == norm("李四")
    (True, True)
    """
    folded = " ".join(_LEFT.sub("", name).split()).casefold()
    last, comma, first = folded.partition(", ")
    folded = f"{first} {last}" if comma and "," not in first else folded
    return folded.replace(" ", "") if re.search("[\u3400-\u9fff]", folded) else folded


@dataclass
class Register:
    """The people met so far: ids with names, and names with the ids that bear them."""

    names: dict[str, str] = field(default_factory=dict)
    ids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    listed: set[str] = field(default_factory=set)
    spelled: dict[str, str] = field(default_factory=dict)
    derived: dict[str, str] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)
    unsure: dict[str, int] = field(default_factory=dict)
    stored: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, rep_id: str, name: str | None, *, listed: bool = False) -> None:
        """Add a person who has an id."""
        if listed:
            self.listed.add(rep_id)
        if name:
            self.names.setdefault(rep_id, name)
            self.ids[norm(name)].add(rep_id)
            self.spelled.setdefault(norm(name), name)

    def find(self, rep_id: str | None, name: str | None) -> str | None:
        """Return the id of an owner given by id, by name or by both; None where the name is borne by several."""
        if rep_id is not None:
            return self._known(rep_id, name)
        if name is None:
            return None
        bearers = self.ids.get(norm(name), set())
        listed = bearers & self.listed
        if len(bearers) == 1 or len(listed) == 1:
            return next(iter(listed or bearers))
        if len(bearers) > 1:
            self.unsure[name] = len(bearers)
            return None
        before = self.stored.get(norm(name), set())
        ids = before - {one for one in before if norm(one) == norm(name)} or before
        if len(ids) == 1 and norm(next(iter(ids))) != norm(name):
            return next(iter(ids))
        if len(ids) > 1:
            self.unsure[name] = len(ids)
            return None
        made = next(iter(ids)) if ids else self.spelled.setdefault(norm(name), name)
        self.derived.setdefault(made, self.spelled.setdefault(norm(name), name))
        return made

    def shown(self, name: str | None, rep_id: str | None) -> str | None:
        """Return the name under which an owner is shown: the stated one, but no address where the name is known."""
        if name and "@" not in name:
            return name
        return self.names.get(rep_id or "", name)

    def _known(self, rep_id: str, name: str | None) -> str:
        same = self.ids.get(norm(name), set()) & self.listed if name else set()
        if rep_id not in self.listed and len(same) == 1:
            self.alias[rep_id] = next(iter(same))
            return self.alias[rep_id]
        if rep_id not in self.listed:
            self.derived.setdefault(rep_id, name or self.names.get(rep_id) or rep_id)
        return rep_id


def settle(built: Built, stored: pa.Table | None = None) -> Register:
    """Give every owner an id, derive the reps that no table lists, and the memberships that users' tables state.

    Parameters
    ----------
    built : Built
        The tables of an import; changed in place.
    stored : pyarrow.Table, optional
        ``id`` and ``name`` of the reps that earlier imports brought.
    """
    register = Register()
    for rep_id, name in zip(*(stored.column(part).to_pylist() for part in ("id", "name"))) if stored else ():
        if name:
            register.stored[norm(name)].add(rep_id)
    _listed(built, register)
    for name in (*_OWNED, "memberships"):
        _meet(built, register, name)
    if "reps" in built.tables:
        _memberships(built, register)
    for name in _OWNED:
        _owners(built, register, name)
    _member_ids(built, register)
    _team_by_department(built)
    _derive(built, register)
    if register.alias:
        told = f"{len(register.alias)} owners' ids are not the users' table's; they are joined by name"
        built.assumptions.append(told)
    _plan_names(built, register)
    return register


def _texts(table: pa.Table, column: str) -> pa.Array:
    if column not in table.column_names:
        return pa.nulls(table.num_rows, pa.string())
    found = table.column(column).combine_chunks().cast(pa.string())
    return pa.concat_arrays(found.chunks) if isinstance(found, pa.ChunkedArray) else found


def _pairs(table: pa.Table, first: str, second: str) -> tuple[list[tuple[str | None, str | None]], np.ndarray]:
    """Return the different pairs of two columns, and which one each row has."""
    parts = [pc.dictionary_encode(_texts(table, column)) for column in (first, second)]
    width = len(parts[1].dictionary) + 1
    a, b = (pc.fill_null(part.indices, -1).to_numpy(zero_copy_only=False).astype("int64") + 1 for part in parts)
    found, inverse = np.unique(a * width + b, return_inverse=True)
    one, two = ([None, *part.dictionary.to_pylist()] for part in parts)
    return [(one[int(code) // width], two[int(code) % width]) for code in found], inverse


def _set(built: Built, name: str, column: str, made: pa.Array) -> None:
    table = built.tables[name]
    at = table.column_names.index(column) if column in table.column_names else -1
    built.tables[name] = table.set_column(at, column, made) if at >= 0 else table.append_column(column, made)


def _listed(built: Built, register: Register) -> None:
    if "reps" not in built.tables:
        return
    for rep_id, name in _pairs(built.tables["reps"], "rep_id", "name")[0]:
        if rep_id is not None:
            register.add(rep_id, name, listed=True)
    for rep_id, email in _pairs(built.tables["reps"], "rep_id", "email")[0]:
        if rep_id is not None and email:
            register.ids[norm(email)].add(rep_id)


def _meet(built: Built, register: Register, name: str) -> None:
    table = built.tables.get(name)
    first, second = ("rep_id", "rep") if name == "memberships" else _owner_columns(name)
    if table is None or first not in table.column_names:
        return
    for rep_id, owner in _pairs(table, first, second)[0]:
        if rep_id is not None and not (
            register.listed and owner and register.ids.get(norm(owner), set()) & register.listed
        ):
            register.add(rep_id, owner)


def _owner_columns(name: str) -> tuple[str, str]:
    return ("_owner_id", "_owner") if name == "order_lines" else ("owner_id", "owner")


def _owners(built: Built, register: Register, name: str) -> None:
    table = built.tables.get(name)
    first, second = _owner_columns(name)
    if table is None or not {first, second} & set(table.column_names):
        return
    pairs, inverse = _pairs(table, first, second)
    known = [register.find(rep_id, owner) for rep_id, owner in pairs]
    shown = [register.shown(owner, found) for (_, owner), found in zip(pairs, known)]
    where = pa.array(inverse)
    _set(built, name, first, pa.array(known, pa.string()).take(where))
    _set(built, name, second, pa.array(shown, pa.string()).take(where))
    lost = np.array([found is None and owner is not None for found, (_, owner) in zip(known, pairs)])[inverse]
    if lost.any():
        built.warn_rows(name, lost, "ambiguous_owner", second, "an owner's name that several people bear, and no id")


def _memberships(built: Built, register: Register) -> None:
    """Make memberships of users' tables: the stated team, else the manager's; region; manager."""
    table = built.tables["reps"]
    if not {"_team", "_region", "_manager", "_manager_id"} & set(table.column_names):
        return
    by_id = [
        register.names.get(rep_id, None) if rep_id else None for rep_id in _texts(table, "_manager_id").to_pylist()
    ]
    manager = pc.coalesce(_texts(table, "_manager"), pa.array(by_id, pa.string()))
    team = pc.coalesce(_texts(table, "_team"), manager)
    stated = pc.or_(pc.is_valid(team), pc.is_valid(_texts(table, "_region")))
    columns = {
        "rep_id": _texts(table, "rep_id"), "rep": _texts(table, "name"), "team": team, "region": _texts(table, "_region"),
        "manager": manager, "from_on": pa.nulls(table.num_rows, pa.date32()), "to_on": pa.nulls(table.num_rows, pa.date32()),
    }  # fmt: skip
    kept = ("source", "source_file", "source_row", "known_at", "_frame", "_at", "_content", "_day")
    columns |= {column: table.column(column) for column in kept}
    columns["extra"] = pa.nulls(table.num_rows, pa.string())
    made = pa.table(columns).filter(stated)
    if "_team" not in table.column_names and "memberships" not in built.tables:
        built.assumptions.append("no team is named; a rep's team bears the manager's name")
    others = [built.tables["memberships"]] if "memberships" in built.tables else []
    built.tables["memberships"] = pa.concat_tables([made, *others], promote_options="permissive").combine_chunks()


def _member_ids(built: Built, register: Register) -> None:
    table = built.tables.get("memberships")
    if table is None:
        return
    pairs, inverse = _pairs(table, "rep_id", "rep")
    known = [register.find(rep_id, name) for rep_id, name in pairs]
    shown = [name or register.names.get(found or "") for (_, name), found in zip(pairs, known)]
    _set(built, "memberships", "rep_id", pa.array(known, pa.string()).take(pa.array(inverse)))
    _set(built, "memberships", "rep", pa.array(shown, pa.string()).take(pa.array(inverse)))


def _team_by_department(built: Built) -> None:
    """Make memberships of the owner's department in the deals, where no table states them: the latest one counts."""
    table = built.tables.get("opportunities")
    if table is None or "memberships" in built.tables or "_department" not in table.column_names:
        return
    order = (
        pc.sort_indices(table, sort_keys=[("created_at", "ascending")]) if "created_at" in table.column_names else None
    )
    ordered = table.take(order) if order is not None else table
    pairs, inverse = _pairs(ordered, "owner_id", "_department")
    latest: dict[str, str] = {}
    last = {int(code): at for at, code in enumerate(inverse)}
    for code in sorted(last, key=lambda code: last[code]):
        rep_id, team = pairs[code]
        if rep_id and team:
            latest[rep_id] = team
    if latest:
        built.tables["memberships"] = _derived_rows({
            "rep_id": pa.array(list(latest), pa.string()), "team": pa.array(list(latest.values()), pa.string()),
            "from_on": pa.nulls(len(latest), pa.date32()), "to_on": pa.nulls(len(latest), pa.date32()),
        })  # fmt: skip
        built.assumptions.append("teams are the owners' departments, as in each one's latest deal")


def _derive(built: Built, register: Register) -> None:
    fresh = {rep_id: name for rep_id, name in register.derived.items() if rep_id not in register.listed}
    if not fresh:
        return
    made = _derived_rows(
        {"rep_id": pa.array(list(fresh), pa.string()), "name": pa.array(list(fresh.values()), pa.string())}
    )
    others = [built.tables["reps"]] if "reps" in built.tables else []
    built.tables["reps"] = pa.concat_tables([*others, made], promote_options="permissive").combine_chunks()
    what = "that no table of users lists" if others else "as no table of users is there"
    built.assumptions.append(f"{len(fresh)} reps are made of the owners, {what}")


def _derived_rows(columns: dict[str, pa.Array]) -> pa.Table:
    n = len(next(iter(columns.values())))
    return pa.table({
        **columns, "source": pa.repeat("derived", n), "source_file": pa.repeat("", n), "source_row": pa.nulls(n, pa.int64()),
        "known_at": pa.nulls(n, pa.timestamp("us")), "extra": pa.nulls(n, pa.string()), "_frame": pa.repeat(-1, n),
        "_at": pa.repeat(pa.scalar(-1, pa.int64()), n), "_content": pa.repeat(pa.scalar(0, pa.uint64()), n),
        "_day": pa.nulls(n, pa.date32()),
    })  # fmt: skip


def _plan_names(built: Built, register: Register) -> None:
    """Name the rep of targets that give an id alone."""
    table = built.tables.get("targets")
    if table is None or "_rep_id" not in table.column_names:
        return
    pairs, inverse = _pairs(table, "_rep_id", "name")
    shown = [register.names.get(rep_id or "", name) if name in (None, rep_id) else name for rep_id, name in pairs]
    _set(built, "targets", "name", pa.array(shown, pa.string()).take(pa.array(inverse)))
