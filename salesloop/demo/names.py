"""Names of companies and people, Chinese and English, and the accounts and contacts that bear them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from salesloop.demo import market
from salesloop.demo.arrivals import Columns
from salesloop.demo.ids import where, zoho
from salesloop.demo.rng import mix, uniform

if TYPE_CHECKING:
    from salesloop.demo.tables import View

CITIES = (
    (("上海", "Shanghai"), ("杭州", "Hangzhou"), ("苏州", "Suzhou"), ("南京", "Nanjing"), ("宁波", "Ningbo")),
    (("深圳", "Shenzhen"), ("广州", "Guangzhou"), ("东莞", "Dongguan"), ("厦门", "Xiamen"), ("佛山", "Foshan")),
    (("北京", "Beijing"), ("天津", "Tianjin"), ("青岛", "Qingdao"), ("大连", "Dalian"), ("石家庄", "Shijiazhuang")),
    (("成都", "Chengdu"), ("重庆", "Chongqing"), ("西安", "Xi'an"), ("武汉", "Wuhan"), ("昆明", "Kunming")),
)  # fmt: skip
BRANDS = (
    ("云启", "Yunqi"), ("恒泰", "Hengtai"), ("新瑞", "Newray"), ("博远", "Boyuan"), ("华翔", "Huaxiang"), ("中联", "Zolink"),
    ("天成", "Tiancheng"), ("锐新", "Rexin"), ("百川", "Baichuan"), ("明德", "Mingde"), ("嘉禾", "Goldgrain"), ("鼎盛", "Dingsheng"),
    ("远航", "Farsail"), ("海纳", "Haina"), ("信和", "Sinhe"), ("安捷", "Anjet"), ("优品", "Youpin"), ("隆兴", "Longxing"),
    ("金桥", "Goldbridge"), ("蓝海", "Bluesea"), ("启明", "Morningstar"), ("正元", "Zhengyuan"), ("宏图", "Hongtu"), ("星河", "Galaxy"),
    ("同创", "Tongchuang"), ("万通", "Wantong"), ("立达", "Leader"), ("康宁", "Kangning"), ("智汇", "Wisehub"), ("绿源", "Greenspring"),
)  # fmt: skip
TRADES = (
    (("智能制造", "Intelligent Manufacturing"), ("精密机械", "Precision Machinery"), ("电子科技", "Electronics")),
    (("供应链", "Supply Chain"), ("物流", "Logistics"), ("国际货运", "Freight")),
    (("商贸", "Trading"), ("连锁超市", "Retail"), ("电子商务", "E-commerce")),
    (("医疗器械", "Medical Devices"), ("生物科技", "Biotech"), ("医药", "Pharma")),
    (("教育科技", "Education"), ("文化传播", "Media"), ("培训", "Training")),
    (("新能源", "New Energy"), ("电力设备", "Power Equipment"), ("环保科技", "Environmental")),
)  # fmt: skip
FAMILY = (
    ("王", "Wang"), ("李", "Li"), ("张", "Zhang"), ("刘", "Liu"), ("陈", "Chen"), ("杨", "Yang"), ("赵", "Zhao"), ("黄", "Huang"),
    ("周", "Zhou"), ("吴", "Wu"), ("徐", "Xu"), ("孙", "Sun"), ("胡", "Hu"), ("朱", "Zhu"), ("高", "Gao"), ("林", "Lin"),
)  # fmt: skip
GIVEN = (
    ("伟", "Wei"), ("静", "Jing"), ("磊", "Lei"), ("敏", "Min"), ("洋", "Yang"), ("丽娜", "Lina"), ("志强", "Zhiqiang"), ("晓燕", "Xiaoyan"),
    ("俊", "Jun"), ("雪梅", "Xuemei"), ("建国", "Jianguo"), ("婷", "Ting"), ("鹏", "Peng"), ("佳", "Jia"), ("浩然", "Haoran"), ("秀英", "Xiuying"),
)  # fmt: skip
TITLES = ("IT Director", "采购经理", "Operations Manager", "总经理", "CFO", "信息中心主任", "Plant Manager", "项目经理")


def _at(key: np.ndarray, what: str, n: int) -> np.ndarray:
    return (uniform(key, what) * n).astype(np.int64)


def company_names(key: np.ndarray, region: np.ndarray, industry: np.ndarray) -> np.ndarray:
    """Return names of companies, about seven in ten of them Chinese; a number keeps most of the rest apart."""
    city, brand, trade = _at(key, "city", 5), _at(key, "brand", len(BRANDS)), _at(key, "trade", 3)
    second = (brand + 1 + _at(key, "brand two", len(BRANDS) - 1)) % len(BRANDS)
    chinese = uniform(key, "chinese") < 0.7
    made = np.empty(len(key), dtype=object)
    for i, (r, f) in enumerate(zip(region, industry, strict=True)):
        tongue = 0 if chinese[i] else 1
        words = (
            CITIES[r][city[i]][tongue],
            BRANDS[brand[i]][tongue],
            BRANDS[second[i]][tongue],
            TRADES[f][trade[i]][tongue],
        )
        made[i] = (
            f"{words[0]}{words[1]}{words[2]}{words[3]}有限公司"
            if chinese[i]
            else f"{words[0]} {words[1]} {words[2]} {words[3]} Co., Ltd."
        )
    return made


def people_names(key: np.ndarray) -> np.ndarray:
    """Return names of people, about seven in ten in Chinese characters."""
    family, given, chinese = (
        _at(key, "family", len(FAMILY)),
        _at(key, "given", len(GIVEN)),
        uniform(key, "chinese") < 0.7,
    )
    return np.array(
        [
            FAMILY[f][0] + GIVEN[g][0] if c else f"{GIVEN[g][1]} {FAMILY[f][1]}"
            for f, g, c in zip(family, given, chinese, strict=True)
        ],
        dtype=object,
    )


def mails(key: np.ndarray, name: np.ndarray, domain: str = "") -> np.ndarray:
    """Return mail addresses at reserved example domains, or at the company's own."""
    number = (mix(key, "mail") % np.uint64(100_000)).astype(np.int64)
    latin = [word.lower().replace(" ", ".").replace("'", "") if word.isascii() else "user" for word in name]
    return np.array(
        [f"{word}{n:05d}@{domain or 'mail.example.cn'}" for word, n in zip(latin, number, strict=True)], dtype=object
    )


def phones(key: np.ndarray) -> np.ndarray:
    """Return phone numbers of a shape in use but in no range that is given out."""
    number = (mix(key, "phone") % np.uint64(100_000_000)).astype(np.int64)
    return np.array([f"100{n:08d}" for n in number], dtype=object)


@dataclass
class Accounts:
    """The accounts known by a day.

    Attributes
    ----------
    key : ndarray
        Keys in the order of `frame` but for the accounts entered twice, which come last.
    frame : DataFrame
        The canonical table.
    """

    key: np.ndarray
    frame: pd.DataFrame

    def __post_init__(self):
        self._order = np.argsort(self.key)

    def place(self, key: np.ndarray) -> np.ndarray:
        """Return where accounts stand; -1 where they are not known."""
        place = np.minimum(np.searchsorted(self.key[self._order], key), len(self.key) - 1)
        found = self._order[place]
        return np.where(self.key[found] == key, found, -1)

    def of_deals(self, deals: Columns) -> pd.DataFrame:
        """Return id and name of deals' accounts."""
        return self.frame[["account_id", "account"]].iloc[self.place(deals["account"])].reset_index(drop=True)

    def of_leads(self, leads: Columns, became: np.ndarray) -> pd.DataFrame:
        """Return id and name of the accounts that leads became, or the name of the company that asked."""
        key = mix(mix(leads["key"], "deal"), "account")
        return pd.DataFrame({"account_id": where(became, zoho(key, "account")),
                             "account": company_names(key, leads["region"], leads["industry"])})  # fmt: skip


def accounts(now: View) -> Accounts:
    """Return the accounts of all deals opened by now."""
    deals = now.crm.deals
    rows = np.flatnonzero(deals["t"] < now.until)
    first = rows[np.unique(deals["account"][rows], return_index=True)[1]]
    first = first[np.lexsort((deals["key"][first], deals["t"][first]))]
    of = {name: values[first] for name, values in deals.items()}
    key, made = of["account"], _entered(of, now)
    owner = now.world.people.holder(of["owner"], np.full(len(first), now.until))
    name = company_names(key, of["region"], of["industry"])
    small = np.array([2400.0, 420.0, 70.0])[of["segment"]]
    staff = np.round(small * np.exp(0.5 * (uniform(key, "staff") * 2 - 1)))
    frame = pd.DataFrame({
        "account_id": zoho(key, "account"), "account": name, "name": name, "industry": np.array(market.INDUSTRIES, dtype=object)[of["industry"]],
        "region": np.array(market.REGIONS, dtype=object)[of["region"]], "country": "China",
        "segment": np.array(market.SEGMENTS, dtype=object)[of["segment"]], "size_band": np.array(market.SIZE_BANDS, dtype=object)[np.searchsorted(market.SIZE_LIMITS, staff, side="right")],
        "employees": staff, "annual_revenue": np.round(staff * (350_000 + 500_000 * uniform(key, "revenue")), -4), "parent_id": None,
        "owner_id": now.rep_ids(owner), "owner": now.rep_names(owner),
        "key_account": (of["segment"] == 0) & (uniform(key, "key account") < 0.35), "created_at": now.stamp(made),
    })  # fmt: skip
    return Accounts(key, pd.concat([frame, _twice(frame, key, made, now)], ignore_index=True))


def _entered(of: Columns, now: View) -> np.ndarray:
    old = of["type"] > 0
    return np.where(old, of["t"] - 330.0 - 60.0 * uniform(of["account"], "since"), np.floor(of["t"]))


def _twice(frame: pd.DataFrame, key: np.ndarray, made: np.ndarray, now: View) -> pd.DataFrame:
    """Return the accounts that somebody entered again under a slightly different name."""
    again = np.maximum(made, now.crm.start) + 20.0 + 200.0 * uniform(key, "again")
    rows = (uniform(key, "twice") < 0.006) & (again < now.until)
    twice = frame[rows].copy()
    twice["account_id"] = zoho(mix(key[rows], "twice"), "account")
    twice["name"] = [name.replace("有限公司", "公司").replace(" Co., Ltd.", " Co Ltd") for name in twice["name"]]
    twice["created_at"] = now.stamp(np.floor(again[rows]))
    return twice


def contacts(now: View) -> pd.DataFrame:
    """Return one to three contacts an account."""
    accounts = now.accounts
    n = len(accounts.key)
    count = 1 + _at(accounts.key, "contacts", 3)
    row = np.repeat(np.arange(n), count)
    key = mix(accounts.key[row], "contact", np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count))
    base = accounts.frame.iloc[row].reset_index(drop=True)
    name = people_names(key)
    return pd.DataFrame({
        "contact_id": zoho(key, "contact"), "account_id": base["account_id"], "account": base["name"], "name": name,
        "title": np.array(TITLES, dtype=object)[_at(key, "title", len(TITLES))], "email": mails(key, name), "phone": phones(key),
        "owner_id": base["owner_id"], "owner": base["owner"], "created_at": base["created_at"],
    })  # fmt: skip


def deal_names(account: pd.Series, deals: Columns) -> np.ndarray:
    """Return deals' names, such as ``上海云启物流有限公司 - Atlas Platform (renewal)``."""
    kind = np.array(["", " expansion", " renewal"], dtype=object)[deals["type"]]
    product = np.array(market.PRODUCTS, dtype=object)[deals["product"]]
    return account.to_numpy(dtype=object) + " - " + product + kind
