"""Rows that name another row: accounts, products and deals by name, exactly, then by spacing and case, never by guess."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from salesloop.sources.build import Built
from salesloop.sources.people import _derived_rows, _set, _texts

_INDUSTRIES = (
    "technology", "software", "retail", "finance", "medical", "healthcare", "entertainment", "marketing", "services",
    "employment", "telecommunications", "manufacturing", "education", "government", "construction", "transportation",
    "logistics", "agriculture", "energy", "insurance", "banking", "consulting", "hospitality", "automotive", "media",
    "pharmaceuticals", "communications", "utilities", "electronics",
)  # fmt: skip
_MOST = 500


def bare(name: str) -> str:
    """Return a name as it is compared: no case, spaces or signs.

    Examples
    --------
    >>> bare("GTXPro") == bare("GTX Pro")
    True
    """
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())


@dataclass
class Names:
    """The ids that bear a name, exactly and as compared."""

    exact: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    loose: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def of(cls, ids: pa.Array, names: pa.Array) -> Names:
        """Return the names of a table's rows."""
        made = cls()
        for one, name in zip(ids.to_pylist(), names.to_pylist()):
            if one is not None and name is not None:
                made.exact[name].add(one)
                made.loose[bare(name)].add(one)
        return made

    def find(self, name: str) -> tuple[str | None, str]:
        """Return the id that a name means, and how it was found: exact, loose, twice or none."""
        for how, table, key in (("exact", self.exact, name), ("loose", self.loose, bare(name))):
            bearers = table.get(key, set()) if key else set()
            if len(bearers) == 1:
                return next(iter(bearers)), how
            if len(bearers) > 1:
                return None, "twice"
        return None, "none"

    def near(self, name: str) -> bool:
        """Return whether a name is nearly one of these."""
        return bool(difflib.get_close_matches(bare(name), list(self.loose)[:5000], n=1, cutoff=0.88))


def settle(built: Built, stored: dict[str, pa.Table] | None = None) -> None:
    """Join what names another row, and report what is misspelt, unknown or borne twice.

    Parameters
    ----------
    built : Built
        The tables of an import; changed in place.
    stored : dict of pyarrow.Table, optional
        ``id`` and ``name`` of the accounts and products that earlier imports brought.
    """
    before = stored or {}
    _products(built, before.get("products"))
    _accounts(built, before.get("accounts"))
    _deals(built)
    _by_lead(built)
    _orders_of_lines(built)
    for column, known in (("industry", _INDUSTRIES), ("country", _countries())):
        _misspelt(built, "accounts", column, known)


def _counts(texts: pa.Array) -> dict[str, int]:
    return {
        entry["values"]: entry["counts"] for entry in pc.value_counts(texts).to_pylist() if entry["values"] is not None
    }


def _map(texts: pa.Array, table: dict[str, str | None]) -> pa.Array:
    at = pc.index_in(texts, value_set=pa.array(list(table), pa.string()))
    return pa.array(list(table.values()), pa.string()).take(at) if table else pa.nulls(len(texts), pa.string())


def _products(built: Built, stored: pa.Table | None) -> None:
    """Bring products' names to the spelling of the table of products, and ids of products to names."""
    table = built.tables.get("products")
    if table is None:
        if stored is None:
            return
        table = stored.rename_columns(["product", "name"])
    names = _texts(table, "product")
    known = Names.of(names, names)
    ids = {
        one: name
        for column in ("_product_id", "_code")
        for one, name in zip(_texts(table, column).to_pylist(), names.to_pylist())
        if one
    }
    for name in ("opportunities", "order_lines"):
        other = built.tables.get(name)
        if other is None or not {"product", "_product_id"} & set(other.column_names):
            continue
        said = _texts(other, "product")
        by_id = _map(_texts(other, "_product_id"), dict(ids)) if ids else pa.nulls(other.num_rows, pa.string())
        said = pc.coalesce(said, by_id, _texts(other, "_product_id"))
        _set(built, name, "product", _respelled(built, name, said, known))


def _respelled(built: Built, name: str, said: pa.Array, known: Names) -> pa.Array:
    counts = _counts(said)
    table: dict[str, str | None] = {}
    for text in counts if len(counts) <= 50_000 else ():
        found, how = known.find(text)
        table[text] = found or text
        if how == "loose" and found != text:
            built.assumptions.append(
                f"{name}: product {text[:60]!r} is read as {found!r} ({counts[text]:,} rows): only spacing or case differs"
            )
            built.warn_rows(name, pc.fill_null(pc.equal(said, text), False).to_numpy(zero_copy_only=False), "respelled_product", "product",
                            "a product spelled differently from the table of products")  # fmt: skip
    missing = [text for text in table if known.find(text)[1] == "none"]
    if missing and len(missing) < 0.5 * len(table):
        mask = pc.is_in(said, value_set=pa.array(missing, pa.string())).to_numpy(zero_copy_only=False)
        built.warn_rows(name, mask, "unknown_product", "product", "a product that the table of products does not list")
    return _map(said, table) if table else said


def _accounts(built: Built, stored: pa.Table | None) -> None:
    """Give deals, contacts, orders, payments and activities the id of the account that they name."""
    table = built.tables.get("accounts")
    if table is None and stored is not None:
        table = stored.rename_columns(["account_id", "name"])
    known = Names.of(_texts(table, "account_id"), _texts(table, "name")) if table is not None else Names()
    ids = set(_texts(table, "account_id").to_pylist()) if table is not None else set()
    for name, column in (("opportunities", "account"), ("contacts", "account"), ("orders", "account"), ("leads", "_account"),
                         ("payments", "_account"), ("activities", "_account"), ("order_lines", "_account")):  # fmt: skip
        if name in built.tables and column in built.tables[name].column_names:
            _join(
                built, name, column, "account_id", known, fallback=name in ("opportunities", "orders"), what="account"
            )
    if "accounts" in built.tables and table is not None and "parent_id" in table.column_names:
        parent = _texts(table, "parent_id")
        found = {text: text if text in ids else known.find(text)[0] for text in _counts(parent)}
        _set(built, "accounts", "parent_id", _map(parent, found))


def _join(built: Built, name: str, column: str, target: str, known: Names, *, fallback: bool, what: str) -> None:
    """Fill the rows that name something but bear no id of it; where nothing is known, the name is the id if `fallback`."""
    table = built.tables[name]
    said, have = _texts(table, column), _texts(table, target)
    without = pc.is_null(have)
    if not known.exact:
        _set(built, name, target, pc.coalesce(have, said) if fallback else have)
        return
    names = {one: name for name, bearers in known.exact.items() for one in bearers}
    ids = names.keys() - known.exact.keys()
    found: dict[str, str | None] = {}
    how: dict[str, str] = {}
    for text in _counts(said.filter(without)):
        found[text], how[text] = (text, "id") if text in ids else known.find(text)
        if how[text] == "none" and fallback:
            found[text] = text
    _set(built, name, target, pc.coalesce(have, _map(said, found)))
    by_id: dict[str, str | None] = {text: names[text] for text in found if how[text] == "id"}
    if by_id:
        _set(built, name, column, pc.coalesce(_map(said, by_id), said))
    loose = [text for text in how if how[text] == "loose"]
    if loose:
        built.assumptions.append(
            f"{name}: {len(loose)} {what} names differ from the table of {what}s in spacing or case only, and were joined"
        )
    for rule, kind, told in (("ambiguous_" + what, "twice", f"the name of several {what}s, and no id"),
                             ("unknown_" + what, "none", f"a name that the table of {what}s does not list")):  # fmt: skip
        texts = [text for text in how if how[text] == kind]
        if texts:
            mask = pc.and_(pc.is_in(said, value_set=pa.array(texts, pa.string())), without).to_numpy(
                zero_copy_only=False
            )
            near = sum(known.near(text) for text in texts[:200]) if kind == "none" else 0
            built.warn_rows(name, mask, rule, column, told + (f"; {near} are nearly one of its names" if near else ""))


def _deals(built: Built) -> None:
    """Give stage events and activities the id of the deal that they name, and say how many ids meet no deal."""
    deals = built.tables.get("opportunities")
    if deals is None:
        return
    ids = _texts(deals, "opportunity_id")
    for name in ("stage_events", "activities"):
        table = built.tables.get(name)
        if table is None:
            continue
        if "_deal" in table.column_names:
            known = Names.of(ids, _texts(deals, "name"))
            _join(built, name, "_deal", "opportunity_id", known, fallback=False, what="deal")
    for name in ("stage_events", "activities", "payments", "orders"):
        table = built.tables.get(name)
        if table is None or "opportunity_id" not in table.column_names:
            continue
        said = _texts(table, "opportunity_id")
        n = len(said) - said.null_count
        meets = pc.sum(pc.is_in(said, value_set=pc.unique(ids), skip_nulls=True)).as_py() or 0
        if n and meets < n:
            built.assumptions.append(f"{name}: of {n:,} rows with a deal's id {n - meets:,} meet none of the deals")
    _drop_eventless(built)


def _drop_eventless(built: Built) -> None:
    table = built.tables.get("stage_events")
    if table is None:
        return
    lost = pc.is_null(_texts(table, "opportunity_id")).to_numpy(zero_copy_only=False)
    if lost.any():
        built._each(
            "stage_events", lost, "missing_id", "quarantine", "opportunity_id", "an event whose deal cannot be told"
        )
        built.tables["stage_events"] = table.filter(pa.array(~lost)).combine_chunks()


def _by_lead(built: Built) -> None:
    """Link leads and activities to the one deal that names their lead, where none of them names a deal that is there."""
    deals = built.tables.get("opportunities")
    if deals is None or "lead_id" not in deals.column_names:
        return
    bearers = Names.of(_texts(deals, "opportunity_id"), _texts(deals, "lead_id")).exact
    one = {lead: next(iter(ids)) for lead, ids in bearers.items() if len(ids) == 1}
    known = pc.unique(_texts(deals, "opportunity_id"))
    for name in ("leads", "activities"):
        table = built.tables.get(name)
        if table is None or "lead_id" not in table.column_names:
            continue
        have, found = _texts(table, "opportunity_id"), _map(_texts(table, "lead_id"), dict(one))
        meets = pc.is_in(have, value_set=known, skip_nulls=True)
        if pc.any(meets).as_py():
            continue
        _set(built, name, "opportunity_id", pc.if_else(meets, have, pc.coalesce(found, have)))
        n = pc.sum(pc.and_(pc.is_valid(found), pc.invert(meets))).as_py() or 0
        if n:
            built.assumptions.append(f"{name}: {n:,} rows are linked to the deal that names their lead")


def _orders_of_lines(built: Built) -> None:
    """Make orders of lines that carry the order's account or owner, where no table of orders is there."""
    lines = built.tables.get("order_lines")
    if (
        lines is None
        or "orders" in built.tables
        or not {"_account_id", "_account", "_owner_id", "_owner"} & set(lines.column_names)
    ):
        return
    if "order_id" not in lines.column_names or "amount" not in lines.column_names:
        return
    wanted = {"account_id": "account_id" if "account_id" in lines.column_names else "_account_id", "account": "_account",
              "owner_id": "_owner_id", "owner": "_owner", "ordered_on": "ordered_on", "currency": "currency"}  # fmt: skip
    have = {column: source for column, source in wanted.items() if source in lines.column_names}
    grouped = lines.group_by("order_id", use_threads=False).aggregate(
        [("amount", "sum"), *((source, "first") for source in have.values())]
    )
    grouped = grouped.filter(pc.is_valid(grouped.column("order_id")))
    columns = {
        "order_id": grouped.column("order_id"),
        "amount": grouped.column("amount_sum").cast(pa.decimal128(18, 2)),
    }
    columns |= {column: grouped.column(f"{source}_first") for column, source in have.items()}
    built.tables["orders"] = _derived_rows({name: pa.concat_arrays(column.chunks) for name, column in columns.items()})
    built.assumptions.append(f"{grouped.num_rows:,} orders are the sums of their lines, as no table of orders is there")


@cache
def _countries() -> tuple[str, ...]:
    from babel import Locale

    return tuple(str(name).casefold() for code, name in Locale("en").territories.items() if len(code) == 2)


def _misspelt(built: Built, name: str, column: str, known: tuple[str, ...]) -> None:
    """Report texts that are nearly, but not quite, a known word; they stay as they are."""
    table = built.tables.get(name)
    if table is None or column not in table.column_names:
        return
    said = _texts(table, column)
    counts = _counts(said)
    if len(counts) > _MOST:
        return
    for text, n in counts.items():
        low = text.casefold()
        if low in known or not low.isascii() or len(low) < 5:
            continue
        near = difflib.get_close_matches(low, known, n=1, cutoff=0.89)
        if near:
            mask = pc.fill_null(pc.equal(said, text), False).to_numpy(zero_copy_only=False)
            built.warn_rows(name, np.asarray(mask), "misspelt", column, f"a text that is nearly {near[0]!r}")
            built.assumptions.append(
                f"{name}: {column} {text[:40]!r} ({n:,} rows) is nearly {near[0]!r}; kept as it is"
            )
