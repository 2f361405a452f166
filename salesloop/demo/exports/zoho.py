"""The exports of Zoho CRM: English labels, ids as ``zcrm_`` and 19 digits, each lookup as a pair of columns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesloop.demo.exports.csvfile import day, flag, money, time, whole

TYPES = {"new": "New Business", "expansion": "Expansion", "renewal": "Renewal"}
ADMIN = ("zcrm_3652397000000192001", "CRM Admin")
_EVENTS = {"meeting": "Meeting", "visit": "Visit", "demo": "Demo"}
_TASKS = {"task": "Task", "email": "Email"}


def files(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the files by name, each a frame of texts.

    Parameters
    ----------
    tables : dict of DataFrame
        The canonical tables of the company.
    """
    acts = tables["activities"]
    return {
        "Users": _users(tables), "Team_Changes": _teams(tables["memberships"]), "Accounts": _accounts(tables["accounts"]),
        "Contacts": _contacts(tables["contacts"]), "Leads": _leads(tables), "Deals": _deals(tables),
        "Deal_Stage_History": _history(tables), "Calls": _calls(acts[acts["type"] == "call"]),
        "Events": _events(acts[acts["type"].isin(list(_EVENTS))]), "Tasks": _tasks(acts[acts["type"].isin(list(_TASKS))]),
        "Products": _products(tables["products"]), "Sales_Orders": _orders(tables["orders"]),
        "Sales_Order_Line_Items": _lines(tables["order_lines"]), "Payments": _payments(tables["payments"]),
    }  # fmt: skip


def record(ids: pd.Series) -> pd.Series:
    """Return ids as Zoho exports them; missing stays empty."""
    return pd.Series([f"zcrm_{i}" if isinstance(i, str) else None for i in ids], index=ids.index, dtype=object)


def _users(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    reps = tables["reps"]
    return pd.DataFrame({
        "User Id": record(reps["rep_id"]), "Full Name": reps["name"], "Email": reps["email"], "Role": reps["role"],
        "Status": flag(reps["active"], "Active", "Inactive"), "Start Date": day(reps["started_on"]), "End Date": day(reps["left_on"]),
    })  # fmt: skip


def _teams(members: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "User Id": record(members["rep_id"]), "User Name": members["rep"], "Team": members["team"], "Region": members["region"],
        "Manager": members["manager"], "Effective From": day(members["from_on"]), "Effective To": day(members["to_on"]),
    })  # fmt: skip


def _accounts(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "Record Id": record(found["account_id"]), "Account Owner.id": record(found["owner_id"]), "Account Owner": found["owner"],
        "Account Name": found["name"], "Industry": found["industry"], "Region": found["region"], "Billing Country": found["country"],
        "Customer Segment": found["segment"], "Company Size": found["size_band"], "Employees": whole(found["employees"]),
        "Annual Revenue": money(found["annual_revenue"]), "Key Account": flag(found["key_account"], "true", "false"),
        "Created Time": time(found["created_at"]),
    })  # fmt: skip


def _contacts(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "Record Id": record(found["contact_id"]), "Contact Owner.id": record(found["owner_id"]), "Contact Owner": found["owner"],
        "Full Name": found["name"], "Account Name.id": record(found["account_id"]), "Account Name": found["account"], "Title": found["title"],
        "Email": found["email"], "Phone": found["phone"], "Created Time": time(found["created_at"]),
    })  # fmt: skip


def _leads(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    found = tables["leads"]
    names = tables["opportunities"].set_index("opportunity_id")["name"]
    changed = found[["created_at", "first_response_at", "converted_at", "closed_at"]].max(axis=1)
    return pd.DataFrame({
        "Record Id": record(found["lead_id"]), "Lead Owner.id": record(found["owner_id"]), "Lead Owner": found["owner"],
        "Company": found["company"], "Full Name": found["name"], "Email": found["email"], "Phone": found["phone"],
        "Lead Source": found["lead_source"], "Sales Channel": found["sales_channel"], "Lead Status": found["status"],
        "Region": found["region"], "Industry": found["industry"], "Call Attempts": whole(found["attempts"]),
        "First Response Time": time(found["first_response_at"]), "Closed Time": time(found["closed_at"]),
        "Converted": flag(found["converted"], "true", "false"), "Converted Date Time": time(found["converted_at"]),
        "Converted Account.id": record(found["account_id"]), "Converted Deal.id": record(found["opportunity_id"]),
        "Converted Deal": found["opportunity_id"].map(names), "Created Time": time(found["created_at"]), "Modified Time": time(changed),
    })  # fmt: skip


def _deals(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    found = tables["opportunities"]
    closed = found["status"] != "open"
    cycle = (found["closed_on"] - found["created_at"].dt.normalize()).dt.days
    return pd.DataFrame({
        "Record Id": record(found["opportunity_id"]), "Deal Owner.id": record(found["owner_id"]), "Deal Owner": found["owner"],
        "Deal Name": found["name"], "Account Name.id": record(found["account_id"]), "Account Name": found["account"],
        "Amount": money(found["amount"]), "Currency": found["currency"], "Exchange Rate": "1", "Stage": found["stage"],
        "Pipeline": found["pipeline"], "Type": found["type"].map(TYPES), "Probability (%)": whole(found["probability"] * 100),
        "Expected Revenue": money(found["amount"] * found["probability"]), "Forecast Category": found["forecast_category_raw"],
        "Closing Date": day(found["expected_close"]), "Lead Source": found["lead_source"], "Sales Channel": found["sales_channel"],
        "Product": found["product"], "Region": found["region"], "Customer Segment": found["segment"], "Reason For Loss": found["loss_reason"],
        "Competitor": found["competitor"], "Next Step": found["next_step"], "Lead ID": record(found["lead_id"]),
        "Sales Cycle Duration": whole(cycle.where(closed)), "Stage Modified Time": time(found["stage_entered_at"]),
        "Last Activity Time": time(found["last_activity_at"]), "Created By.id": record(found["owner_id"]), "Created By": found["owner"],
        "Modified By.id": ADMIN[0], "Modified By": ADMIN[1], "Created Time": time(found["created_at"]), "Modified Time": time(found["modified_at"]),
        "Locked": "false", "Tag": None,
    })  # fmt: skip


def _history(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    found = tables["stage_events"]
    names = tables["opportunities"].set_index("opportunity_id")["name"]
    return pd.DataFrame({
        "Record Id": record(found["event_id"]), "Deal Name.id": record(found["opportunity_id"]), "Deal Name": found["opportunity_id"].map(names),
        "From Stage": found["from_stage"], "To Stage": found["to_stage"], "Amount": money(found["amount"]),
        "Probability (%)": whole(found["probability"] * 100), "Closing Date": day(found["expected_close"]), "Modified Time": time(found["at"]),
    })  # fmt: skip


def _related(found: pd.DataFrame) -> dict[str, pd.Series]:
    return {
        "Deal.id": record(found["opportunity_id"]),
        "Account.id": record(found["account_id"]),
        "Lead.id": record(found["lead_id"]),
    }


def _status(found: pd.DataFrame, planned: str) -> pd.Series:
    return found["status"].map({"done": "Completed", "planned": planned, "cancelled": "Cancelled"})


def _calls(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "Record Id": record(found["activity_id"]), "Call Owner.id": record(found["owner_id"]), "Call Owner": found["owner"],
        "Subject": found["subject"], "Call Type": "Outbound", "Call Start Time": time(found["done_at"].fillna(found["planned_at"])),
        "Call Duration In Minutes": whole(found["minutes"]), "Call Status": _status(found, "Scheduled"), **_related(found),
        "Due Date": time(found["planned_at"]), "Closed Time": time(found["done_at"]), "Created Time": time(found["created_at"]),
        "Modified Time": time(found[["created_at", "done_at"]].max(axis=1)),
    })  # fmt: skip


def _events(found: pd.DataFrame) -> pd.DataFrame:
    begin = found["done_at"].fillna(found["planned_at"])
    end = begin + pd.to_timedelta(found["minutes"].fillna(60.0), unit="min")
    return pd.DataFrame({
        "Record Id": record(found["activity_id"]), "Event Owner.id": record(found["owner_id"]), "Event Owner": found["owner"],
        "Event Title": found["subject"], "Activity Type": found["type"].map(_EVENTS), "Start DateTime": time(begin), "End DateTime": time(end),
        "Event Status": _status(found, "Planned"), **_related(found), "Due Date": time(found["planned_at"]),
        "Closed Time": time(found["done_at"]), "Created Time": time(found["created_at"]),
        "Modified Time": time(found[["created_at", "done_at"]].max(axis=1)),
    })  # fmt: skip


def _tasks(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "Record Id": record(found["activity_id"]), "Task Owner.id": record(found["owner_id"]), "Task Owner": found["owner"],
        "Subject": found["subject"], "Activity Type": found["type"].map(_TASKS), "Task Status": _status(found, "Not Started"),
        "Due Date": time(found["planned_at"]), **_related(found), "Closed Time": time(found["done_at"]), "Created Time": time(found["created_at"]),
        "Modified Time": time(found[["created_at", "done_at"]].max(axis=1)),
    })  # fmt: skip


def _products(found: pd.DataFrame) -> pd.DataFrame:
    number = np.arange(1, len(found) + 1)
    return pd.DataFrame({
        "Record Id": [f"zcrm_36523970000003{n:05d}" for n in number], "Product Name": found["product"], "Product Code": [f"YQ-{n:03d}" for n in number],
        "Product Category": found["category"], "Unit Price": money(found["list_price"]), "Product Active": flag(found["active"], "true", "false"),
    })  # fmt: skip


def _orders(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "Record Id": record(found["order_id"]), "Subject": found["account"], "Sales Order Owner.id": record(found["owner_id"]),
        "Sales Order Owner": found["owner"], "Account Name.id": record(found["account_id"]), "Account Name": found["account"],
        "Deal Name.id": record(found["opportunity_id"]), "Order Date": day(found["ordered_on"]), "Status": found["status"],
        "Currency": found["currency"], "Grand Total": money(found["amount"]),
    })  # fmt: skip


def _lines(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "Record Id": record(found["line_id"]), "Sales Order.id": record(found["order_id"]), "Product Name": found["product"],
        "Product Category": found["category"], "Quantity": whole(found["quantity"]), "List Price": money(found["list_price"]),
        "Sales Price": money(found["net_price"]), "Net Total": money(found["amount"]), "Currency": found["currency"],
        "Order Date": day(found["ordered_on"]),
    })  # fmt: skip


def _payments(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "Record Id": record(found["payment_id"]), "Sales Order.id": record(found["order_id"]), "Account.id": record(found["account_id"]),
        "Deal.id": record(found["opportunity_id"]), "Payment Date": day(found["paid_on"]), "Payment Amount": money(found["amount"]),
        "Currency": found["currency"],
    })  # fmt: skip
