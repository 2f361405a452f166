"""A company with known truth: moves month by month, takes decisions, and is exported like a real CRM."""

from salesloop.demo.company import Company
from salesloop.demo.options import DEFAULT, Bottleneck, Options, Planted

__all__ = ["DEFAULT", "Bottleneck", "Company", "Options", "Planted"]
