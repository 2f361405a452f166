"""What is sold to whom: the words of the company, and how each of them moves a deal."""

from __future__ import annotations

import numpy as np

STAGES = ("Qualification", "Needs Analysis", "Solution", "Proposal", "Negotiation")
WON, LOST, VOID = 5, 6, 7
STATES = (*STAGES, "Closed Won", "Closed Lost", "Closed Invalid")
STAGE_PROBABILITY = (10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 0.0, 0.0)
PIPELINE = "Standard"
TYPES = ("new", "expansion", "renewal")
SEGMENTS = ("Enterprise", "Mid-market", "SMB")
SIZE_BANDS = ("1-99", "100-499", "500-1999", "2000+")
SIZE_LIMITS = (100.0, 500.0, 2000.0)
PRODUCTS = ("Atlas Platform", "Atlas Analytics", "Edge Gateway", "Field Service")
CATEGORIES = ("Software", "Software", "Hardware", "Services")
LIST_PRICES = (24_000.0, 12_000.0, 6_800.0, 3_600.0)
SOURCES = ("Website", "Exhibition", "Referral", "Partner", "Cold Call", "WeChat")
CHANNELS = ("Direct", "Reseller", "Online")
REGIONS = ("East", "South", "North", "West")
INDUSTRIES = ("Manufacturing", "Logistics", "Retail", "Healthcare", "Education", "Energy")
COMPETITORS = ("Northstar", "Huaxin Cloud", "Delta Systems", "Qingmu")
LOSS_REASONS = ("Price", "Competitor", "No budget", "No decision", "Product fit", "Timing")
DIMENSIONS = {
    "stage": STAGES, "type": TYPES, "segment": SEGMENTS, "product": PRODUCTS, "lead_source": SOURCES,
    "sales_channel": CHANNELS, "region": REGIONS, "industry": INDUSTRIES,
}  # fmt: skip

SEGMENT_MIX = np.array([0.20, 0.36, 0.44])
PRODUCT_MIX = np.array([[0.45, 0.25, 0.20, 0.10], [0.35, 0.30, 0.20, 0.15], [0.20, 0.30, 0.30, 0.20]])
SOURCE_MIX = np.array([0.30, 0.16, 0.12, 0.12, 0.12, 0.18])
DIRECT_MIX = np.array([0.05, 0.05, 0.25, 0.30, 0.30, 0.05])
CHANNEL_MIX = np.array([[0.80, 0.18, 0.02], [0.62, 0.28, 0.10], [0.45, 0.25, 0.30]])
REGION_MIX = np.array([0.42, 0.30, 0.28, 0.20])
INDUSTRY_MIX = np.array([0.30, 0.18, 0.18, 0.13, 0.09, 0.12])

ADVANCE = np.array([0.056, 0.050, 0.045, 0.046, 0.060])
LOSE = np.array([0.020, 0.016, 0.0125, 0.0125, 0.0135])
BACK = np.array([0.0, 0.003, 0.004, 0.004, 0.004])
"""Paces a working day: moving on, being lost, going back a stage."""
ADVANCE_SHAPE = 1.25
SKIP, VOIDED = 0.06, 0.03

FASTER = {
    "type": np.array([1.0, 1.15, 1.5]), "segment": np.array([0.80, 1.0, 1.20]),
    "product": np.array([0.92, 1.0, 1.05, 1.10]), "lead_source": np.array([1.0, 0.95, 1.10, 1.0, 0.92, 1.02]),
    "sales_channel": np.array([1.0, 0.95, 1.15]),
}  # fmt: skip
LOSSIER = {
    "type": np.array([1.0, 0.62, 0.36]), "segment": np.array([0.92, 1.0, 1.08]),
    "product": np.array([0.95, 1.0, 1.08, 1.0]), "lead_source": np.array([1.05, 1.15, 0.68, 0.85, 1.40, 1.0]),
    "sales_channel": np.array([1.0, 1.05, 1.0]),
}  # fmt: skip
START_STAGE = np.array([0, 1, 3])

AMOUNT = np.array([420_000.0, 150_000.0, 52_000.0])
AMOUNT_PRODUCT = np.array([1.25, 1.0, 0.9, 0.6])
AMOUNT_SD = 0.60
RENEWS = np.array([0.75, 0.68, 0.35, 0.40])
EXPANDS = 0.22

LEADS_PER_SCALE, DIRECT_PER_SCALE, BASE_WINS_PER_SCALE = 2.15, 0.20, 0.42
CONVERTS = np.array([0.20, 0.17, 0.42, 0.33, 0.10, 0.21])
"""Share of leads of each source that become deals when answered within a day or so."""
SEASON = np.array([0.95, 0.90, 1.10, 1.02, 1.00, 1.08, 0.94, 0.92, 1.08, 1.00, 1.05, 0.96])
LEVEL_SD = 0.035
MONTHLY_WINS_PER_SCALE, AMOUNT_PER_WIN = 0.50, 168_000.0
"""About what a company books, by which people size their plans."""
