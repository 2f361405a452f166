"""The exports of Fxiaoke (纷享销客): Chinese labels and words, ids of 24 hexadecimal digits, percent signs."""

from __future__ import annotations

import pandas as pd

from salesloop.demo import market
from salesloop.demo.exports.csvfile import day, flag, money, time, whole
from salesloop.demo.ids import fxiaoke

STAGES = dict(
    zip(
        market.STATES, ("初步接洽", "需求确认", "方案验证", "方案报价", "商务谈判", "赢单", "输单", "无效"), strict=True
    )
)
STATUS = {"open": "进行中", "won": "赢单", "lost": "输单", "void": "无效"}
WORDS = {
    "type": {"new": "新签", "expansion": "增购", "renewal": "续约"},
    "segment": {"Enterprise": "大型企业", "Mid-market": "中型企业", "SMB": "小微企业"},
    "region": {"East": "华东", "South": "华南", "North": "华北", "West": "西部"},
    "industry": dict(zip(market.INDUSTRIES, ("制造业", "物流", "零售", "医疗", "教育", "能源"), strict=True)),
    "lead_source": dict(zip(market.SOURCES, ("官网", "展会", "老客户推荐", "合作伙伴", "陌生拜访", "微信"), strict=True)),
    "sales_channel": {"Direct": "直销", "Reseller": "渠道", "Online": "线上"},
    "loss_reason": dict(zip(market.LOSS_REASONS, ("价格", "竞争对手", "无预算", "未决策", "产品不匹配", "时机不合适"), strict=True)),
    "category": {"Pipeline": "管道", "Best Case": "最佳情况", "Commit": "承诺", "Closed": "已关闭", "Omitted": "忽略"},
    "lead": {"Converted": "已转换", "Junk Lead": "无效", "Lost Lead": "已关闭", "Contacted": "跟进中", "Not Contacted": "未处理"},
    "activity": {"call": "电话", "email": "邮件", "meeting": "会议", "visit": "拜访", "demo": "产品演示", "task": "任务"},
    "done": {"done": "已完成", "planned": "未开始", "cancelled": "已取消"},
    "product": dict(zip(market.PRODUCTS, ("云台平台版", "云台分析版", "边缘网关", "现场服务"), strict=True)),
    "division": {"Software": "软件", "Hardware": "硬件", "Services": "服务"},
    "order": {"Delivered": "已交付", "Approved": "已确认"},
}  # fmt: skip


def team(values: pd.Series) -> pd.Series:
    """Return teams' names in Chinese, such as 华东1组."""
    parts = values.str.split(" ", n=1, expand=True).reindex(columns=[0, 1])
    return parts[0].map(WORDS["region"]) + parts[1].fillna("").astype(str) + "组"


def files(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the files by name, each a frame of texts.

    Parameters
    ----------
    tables : dict of DataFrame
        The canonical tables of the company.
    """
    return {
        "人员": _users(tables["reps"]), "团队变更": _teams(tables["memberships"]), "客户": _accounts(tables["accounts"]),
        "联系人": _contacts(tables["contacts"]), "销售线索": _leads(tables["leads"]), "商机2.0": _deals(tables),
        "商机阶段变更记录": _history(tables), "销售记录": _activities(tables["activities"]), "产品": _products(tables["products"]),
        "销售订单": _orders(tables["orders"]), "订单产品": _lines(tables["order_lines"]), "回款": _payments(tables["payments"]),
    }  # fmt: skip


def ids(values: pd.Series) -> pd.Series:
    """Return ids as Fxiaoke writes them."""
    made = fxiaoke(values.to_numpy(dtype=object))
    return pd.Series(made, index=values.index, dtype=object)


def percent(values: pd.Series) -> pd.Series:
    """Return shares such as ``60%``."""
    return whole(values * 100).map(lambda text: f"{text}%", na_action="ignore")


def _users(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "员工编号": ids(found["rep_id"]), "姓名": found["name"], "邮箱": found["email"], "职务": "销售", "在职状态": flag(found["active"], "在职", "离职"),
        "入职日期": day(found["started_on"]), "离职日期": day(found["left_on"]),
    })  # fmt: skip


def _teams(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "员工编号": ids(found["rep_id"]), "姓名": found["rep"], "部门": team(found["team"]), "大区": found["region"].map(WORDS["region"]),
        "上级": found["manager"], "生效日期": day(found["from_on"]), "失效日期": day(found["to_on"]),
    })  # fmt: skip


def _accounts(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "客户名称": found["name"], "行业": found["industry"].map(WORDS["industry"]), "区域": found["region"].map(WORDS["region"]), "国家": "中国",
        "客户级别": found["segment"].map(WORDS["segment"]), "企业规模": found["size_band"].astype(object) + "人", "员工人数": whole(found["employees"]),
        "年营业额": money(found["annual_revenue"]), "是否重点客户": flag(found["key_account"], "是", "否"), "负责人": found["owner"],
        "负责人ID": ids(found["owner_id"]), "创建时间": time(found["created_at"], "%Y-%m-%d %H:%M"), "生命状态": "正常", "数据ID": ids(found["account_id"]),
    })  # fmt: skip


def _contacts(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "姓名": found["name"], "客户名称": found["account"], "客户ID": ids(found["account_id"]), "职务": found["title"], "邮箱": found["email"],
        "手机": found["phone"], "负责人": found["owner"], "负责人ID": ids(found["owner_id"]), "创建时间": time(found["created_at"], "%Y-%m-%d %H:%M"),
        "数据ID": ids(found["contact_id"]),
    })  # fmt: skip


def _leads(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "姓名": found["name"], "公司": found["company"], "手机": found["phone"], "邮箱": found["email"],
        "线索来源": found["lead_source"].map(WORDS["lead_source"]), "销售渠道": found["sales_channel"].map(WORDS["sales_channel"]),
        "线索状态": found["status"].map(WORDS["lead"]), "区域": found["region"].map(WORDS["region"]), "行业": found["industry"].map(WORDS["industry"]),
        "联系次数": whole(found["attempts"]), "首次跟进时间": time(found["first_response_at"], "%Y-%m-%d %H:%M"),
        "是否转换": flag(found["converted"], "是", "否"), "转换时间": time(found["converted_at"], "%Y-%m-%d %H:%M"),
        "转换客户ID": ids(found["account_id"]), "转换商机ID": ids(found["opportunity_id"]), "关闭时间": time(found["closed_at"], "%Y-%m-%d %H:%M"),
        "负责人": found["owner"], "负责人ID": ids(found["owner_id"]), "创建时间": time(found["created_at"], "%Y-%m-%d %H:%M"), "数据ID": ids(found["lead_id"]),
    })  # fmt: skip


def _deals(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    found = tables["opportunities"]
    return pd.DataFrame({
        "商机名称": found["name"], "客户名称": found["account"], "客户ID": ids(found["account_id"]), "商机金额": money(found["amount"]),
        "预计成交日期": day(found["expected_close"]), "实际成交日期": day(found["closed_on"]), "销售流程": "标准销售流程",
        "销售阶段": found["stage"].map(STAGES), "商机状态": found["status"].map(STATUS), "赢率": percent(found["probability"]),
        "商机类型": found["type"].map(WORDS["type"]), "商机来源": found["lead_source"].map(WORDS["lead_source"]),
        "销售渠道": found["sales_channel"].map(WORDS["sales_channel"]), "产品": found["product"].map(WORDS["product"]),
        "区域": found["region"].map(WORDS["region"]), "客户级别": found["segment"].map(WORDS["segment"]),
        "输单原因": found["loss_reason"].map(WORDS["loss_reason"]), "竞争对手": found["competitor"],
        "预测类别": found["forecast_category_raw"].map(WORDS["category"]), "下一步计划": found["next_step"], "线索ID": ids(found["lead_id"]),
        "币种": "人民币", "负责人": found["owner"], "负责人ID": ids(found["owner_id"]), "负责人主属部门": _department(tables),
        "阶段变更时间": time(found["stage_entered_at"], "%Y-%m-%d %H:%M"), "最后跟进时间": time(found["last_activity_at"], "%Y-%m-%d %H:%M"),
        "创建时间": time(found["created_at"], "%Y-%m-%d %H:%M"), "最后修改时间": time(found["modified_at"], "%Y-%m-%d %H:%M"), "生命状态": "正常",
        "锁定状态": "未锁定", "数据ID": ids(found["opportunity_id"]),
    })  # fmt: skip


def _department(tables: dict[str, pd.DataFrame]) -> pd.Series:
    last = tables["memberships"].drop_duplicates("rep_id", keep="last").set_index("rep_id")["team"]
    return team(tables["opportunities"]["owner_id"].map(last))


def _history(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    found = tables["stage_events"]
    names = tables["opportunities"].set_index("opportunity_id")["name"]
    return pd.DataFrame({
        "商机名称": found["opportunity_id"].map(names), "商机ID": ids(found["opportunity_id"]), "变更前阶段": found["from_stage"].map(STAGES),
        "变更后阶段": found["to_stage"].map(STAGES), "金额": money(found["amount"]), "赢率": percent(found["probability"]),
        "预计成交日期": day(found["expected_close"]), "变更时间": time(found["at"]), "数据ID": ids(found["event_id"]),
    })  # fmt: skip


def _activities(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "主题": found["subject"], "跟进类型": found["type"].map(WORDS["activity"]), "状态": found["status"].map(WORDS["done"]),
        "计划时间": time(found["planned_at"], "%Y-%m-%d %H:%M"), "完成时间": time(found["done_at"], "%Y-%m-%d %H:%M"), "时长分钟": whole(found["minutes"]),
        "关联商机ID": ids(found["opportunity_id"]), "关联客户ID": ids(found["account_id"]), "关联线索ID": ids(found["lead_id"]),
        "负责人": found["owner"], "负责人ID": ids(found["owner_id"]), "创建时间": time(found["created_at"], "%Y-%m-%d %H:%M"), "数据ID": ids(found["activity_id"]),
    })  # fmt: skip


def _products(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"产品名称": found["product"].map(WORDS["product"]), "产品分类": found["category"].map(WORDS["division"]),
                         "标准价格": money(found["list_price"]), "币种": "人民币", "上架状态": "已上架"})  # fmt: skip


def _orders(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "销售订单编号": [f"SO{day_:%Y%m%d}-{n:05d}" for n, day_ in enumerate(found["ordered_on"], 1)], "客户名称": found["account"],
        "客户ID": ids(found["account_id"]), "商机ID": ids(found["opportunity_id"]), "下单日期": day(found["ordered_on"]), "订单金额": money(found["amount"]),
        "币种": "人民币", "订单状态": found["status"].map(WORDS["order"]), "负责人": found["owner"], "负责人ID": ids(found["owner_id"]),
        "数据ID": ids(found["order_id"]),
    })  # fmt: skip


def _lines(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "订单ID": ids(found["order_id"]), "产品名称": found["product"].map(WORDS["product"]), "产品分类": found["category"].map(WORDS["division"]),
        "数量": whole(found["quantity"]), "标准价格": money(found["list_price"]), "销售单价": money(found["net_price"]), "小计": money(found["amount"]),
        "币种": "人民币", "下单日期": day(found["ordered_on"]), "数据ID": ids(found["line_id"]),
    })  # fmt: skip


def _payments(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "订单ID": ids(found["order_id"]), "客户ID": ids(found["account_id"]), "商机ID": ids(found["opportunity_id"]), "回款日期": day(found["paid_on"]),
        "回款金额": money(found["amount"]), "币种": "人民币", "数据ID": ids(found["payment_id"]),
    })  # fmt: skip
