"""Files in the shape of real CRM exports; the door reads them as it reads a user's."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from salesloop.demo.exports import fxiaoke, zoho
from salesloop.demo.exports.csvfile import write
from salesloop.errors import ParameterError

if TYPE_CHECKING:
    from salesloop.demo.company import Company

CRM = ("reps", "memberships", "accounts", "contacts", "leads", "opportunities", "stage_events", "activities", "products", "orders",
       "order_lines", "payments")  # fmt: skip
SHAPES = {"zoho": zoho.files, "fxiaoke": fxiaoke.files}


def export(
    company: Company, folder: Path, *, shape: str = "zoho", as_of: dt.date | None = None, encoding: str | None = None,
) -> list[Path]:  # fmt: skip
    """Write what the company's CRM would export at the end of a day.

    Parameters
    ----------
    company : Company
        Whose CRM.
    folder : path
        Where to; it is made.
    shape : {"zoho", "fxiaoke"}
        Zoho with English labels, or Fxiaoke with Chinese ones.
    as_of : date, optional
        The day; the last simulated one by default.
    encoding : str, optional
        ``utf-8`` by default for Zoho, ``utf-8-sig`` for Fxiaoke, where ``gb18030`` is common too.

    Returns
    -------
    list of Path
        The files, in order of name. The same company and day give the same bytes.
    """
    if shape not in SHAPES:
        raise ParameterError(
            "shape", found=repr(shape)[:40], allowed=", ".join(SHAPES), next_step="name one of them as `shape`"
        )
    day = as_of or company.today
    folder.mkdir(parents=True, exist_ok=True)
    code = encoding or ("utf-8" if shape == "zoho" else "utf-8-sig")
    made = []
    for name, frame in SHAPES[shape](company.tables(day, only=CRM)).items():
        stem = f"{name}_{day:%Y_%m_%d}" if shape == "zoho" else f"{name}_{day:%Y%m%d}"
        made.append(write(folder / f"{stem}.csv", frame, encoding=code))
    return sorted(made)
