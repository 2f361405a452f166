"""The canonical tables: their columns, types, keys, and which columns hold personal data.

After the door only these names exist. Types: ``id`` and ``text`` are VARCHAR, ``word`` a VARCHAR with few
values, ``date`` a DATE, ``time`` a TIMESTAMP in UTC without zone, ``money`` DECIMAL(18,2), ``rate`` a DOUBLE
in 0-1, ``number`` a DOUBLE, ``count`` a BIGINT, ``flag`` a BOOLEAN.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SQL_TYPES = {
    "id": "VARCHAR", "text": "VARCHAR", "word": "VARCHAR", "date": "DATE", "time": "TIMESTAMP",
    "money": "DECIMAL(18,2)", "rate": "DOUBLE", "number": "DOUBLE", "count": "BIGINT", "flag": "BOOLEAN",
}  # fmt: skip
STATUSES = ("open", "won", "lost", "void")
CATEGORIES = ("omitted", "pipeline", "best_case", "most_likely", "commit", "closed")
ACTIVITY_TYPES = ("call", "email", "meeting", "visit", "demo", "task")
DEAL_TYPES = ("new", "expansion", "renewal")
LEVELS = ("company", "region", "team", "rep")
MEASURES = (
    "bookings", "new_customers", "pipeline_created", "collected", "csat", "nps", "activities",
    "market_share", "win_rate", "grr", "nrr",
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One canonical column."""

    name: str
    type: str
    required: bool = False
    allowed: tuple[str, ...] = ()
    pii: bool = False

    @property
    def sql(self) -> str:
        """Return its DuckDB type."""
        return SQL_TYPES[self.type]


@dataclass(frozen=True)
class Table:
    """One canonical table; `dated` is the column that says when a row became known if nothing better does."""

    name: str
    key: tuple[str, ...]
    columns: dict[str, Column] = field(repr=False)
    dated: str | None = None
    plan: bool = False

    def of_type(self, *types: str) -> list[str]:
        """Return the names of the columns of some types, in order."""
        return [c.name for c in self.columns.values() if c.type in types]


def _table(name: str, key: str, columns: str, *, dated: str | None = None, plan: bool = False) -> Table:
    """Build a table from lines ``name type [!] [@] [= a|b|c]``; ``!`` is required, ``@`` is personal data."""
    made = {}
    for line in filter(None, (part.strip() for part in columns.replace("\n", ",").split(","))):
        words, _, allowed = line.partition("=")
        column, kind, *marks = words.split()
        values = tuple(value.strip() for value in allowed.split("|")) if allowed else ()
        made[column] = Column(column, kind, "!" in marks, values, "@" in marks)
    return Table(name, tuple(key.split()), made, dated, plan)


_STATUS, _CATEGORY = "|".join(STATUSES), "|".join(CATEGORIES)
_OPPORTUNITY = f"""
    opportunity_id id !, name text, account_id id, account text, owner_id id, owner text @, pipeline word
    status word = {_STATUS}
    stage word, amount money, currency word, probability rate, expected_close date, closed_on date
    created_at time, stage_entered_at time, modified_at time, last_activity_at time, lead_source word
    sales_channel word
    type word = {"|".join(DEAL_TYPES)}
    product word, region word, segment word, loss_reason word, competitor word, forecast_category_raw word
    forecast_category word = {_CATEGORY}
    next_step text, lead_id id, campaign word"""

_ALL = [
    _table("accounts", "account_id", """account_id id !, name text, industry word, region word, country word
        segment word, size_band word, employees number, annual_revenue number, parent_id id, owner_id id
        owner text @, key_account flag, created_at time""", dated="created_at"),
    _table("contacts", "contact_id", """contact_id id !, account_id id, account text, name text @, title word
        email text @, phone text @, owner_id id, owner text @, created_at time""", dated="created_at"),
    _table("leads", "lead_id", """lead_id id !, name text @, company text, email text @, phone text @, owner_id id
        owner text @, lead_source word, sales_channel word, status word, region word, industry word, created_at time
        first_response_at time, converted_at time, closed_at time, converted flag, account_id id, opportunity_id id
        attempts count""", dated="created_at"),
    _table("reps", "rep_id", """rep_id id !, name text @, email text @, role word, started_on date, left_on date
        active flag""", dated="started_on"),
    _table("memberships", "rep_id from_on", """rep_id id, rep text @, team word, region word, manager text @
        from_on date, to_on date""", dated="from_on"),
    _table("products", "product", "product word !, category word, list_price money, currency word, active flag"),
    _table("opportunities", "opportunity_id", _OPPORTUNITY, dated="created_at"),
    _table("stage_events", "event_id", """event_id id, opportunity_id id !, at time !, from_stage word, to_stage word
        amount money, probability rate, expected_close date""", dated="at"),
    _table("activities", "activity_id", f"""activity_id id !
        type word = {"|".join(ACTIVITY_TYPES)}
        subject text, status word = planned|done|cancelled
        owner_id id, owner text @, opportunity_id id, account_id id, contact_id id, lead_id id, planned_at time
        done_at time, created_at time, minutes number""", dated="created_at"),
    _table("orders", "order_id", """order_id id !, account_id id, account text, opportunity_id id, owner_id id
        owner text @, ordered_on date, amount money, currency word, status word""", dated="ordered_on"),
    _table("order_lines", "line_id", """line_id id !, order_id id, product word, category word, quantity number
        list_price money, net_price money, amount money, currency word, ordered_on date""", dated="ordered_on"),
    _table("payments", "payment_id", """payment_id id !, order_id id, account_id id, opportunity_id id, paid_on date
        amount money, currency word""", dated="paid_on"),
    _table("forecast_calls", "said_at who level name period category", f"""said_at date !, who text @
        level word = {"|".join(LEVELS)}
        name text, period word !, category word = {_CATEGORY}
        amount money !""", dated="said_at", plan=True),
    _table("feedback", "id", """id id, date date, respondent word = customer|rep
        channel word, scale word = none|nps|csat5|ces7
        score number, text text @, account text, opportunity id, rep text @""", dated="date", plan=True),
    _table("fx_rates", "month currency", "month word !, currency word !, rate_to_home number !", plan=True),
    _table("stages", "pipeline stage", f"""pipeline word, stage word !, order count, kind word = {_STATUS}
        probability rate""", plan=True),
    _table("targets", "period level name measure tier valid_from", f"""period word !, level word = {"|".join(LEVELS)}
        name text, measure word !, tier word = base|target|stretch
        basis word = amount|growth
        amount number !, against word, objective word, valid_from date""", dated="valid_from", plan=True),
    _table("actions", "id", """id id !, what text, deal_set text, measure word, expected_move text, owner text @
        due date, created date""", dated="created", plan=True),
    _table("interventions", "id", """id id !, what text, lever word, applies_to_kind word, applies_to word, start date
        end date, expected_effect number, cost money, stage word, change number""", dated="start", plan=True),
    _table("assessments", "period rater subject dimension", """period word !, rater text @
        rater_kind word = manager|peer|self|customer
        subject text @, dimension word !, score number !, scale word""", plan=True),
    _table("market", "period segment", "period word !, segment word, size money !, growth number, source text",
           plan=True),
]  # fmt: skip
TABLES: dict[str, Table] = {table.name: table for table in _ALL}
PLAN_TABLES = tuple(name for name, table in TABLES.items() if table.plan)


def table(name: str) -> Table:
    """Return a canonical table by name; an unknown one is named with what exists.

    Examples
    --------
    >>> table("stages").key
    ('pipeline', 'stage')
    >>> table("opportunities").of_type("money")
    ['amount']
    """
    from salesloop.errors import ParameterError

    if name not in TABLES:
        raise ParameterError(
            f"table {name!r}", found="no such table", allowed=", ".join(TABLES), next_step="correct the name"
        )
    return TABLES[name]
