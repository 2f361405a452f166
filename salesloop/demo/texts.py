"""What people write in surveys: sentences by theme, polarity and language; they are put together at random."""

from __future__ import annotations

THEMES = ("price", "support", "onboarding", "usability", "integration", "delivery", "sales contact", "reporting",
          "mobile app", "invoicing")  # fmt: skip
EMERGING = (8, 9)
"""Themes that hardly anybody speaks of until one of them emerges."""

SENTENCES: dict[tuple[str, str, str], tuple[str, ...]] = {
    ("price", "good", "en"): (
        "The price is fair for what {product} does.", "Good value compared with the other offers we had.",
        "The discount for a longer term made the budget work.", "Licence costs are clear and predictable."),
    ("price", "bad", "en"): (
        "{product} has become too expensive for a company of our size.", "The renewal came with a price increase nobody explained.",
        "Competitors quote about a fifth less for the same scope.", "The discount rules are hard to understand and the price feels arbitrary."),
    ("price", "good", "zh"): (
        "{product}的价格比较合理，性价比高。", "相比其他报价，这个价格我们可以接受。", "长期合同的折扣力度不错，预算压力小了很多。", "费用透明，没有隐藏收费。"),
    ("price", "bad", "zh"): (
        "{product}对我们这样的企业来说价格偏高。", "续约时突然涨价，没有人说明原因。", "同样的功能，竞争对手报价便宜两成左右。", "折扣规则不清楚，报价让人觉得随意。"),
    ("support", "good", "en"): (
        "Support answers within the hour and solves the problem.", "The hotline engineers know {product} inside out.",
        "Our ticket was closed the same day, thank you.", "Whenever we call, somebody competent picks up."),
    ("support", "bad", "en"): (
        "Support takes days to answer a ticket.", "We had to explain the same problem to three different engineers.",
        "The hotline is hardly reachable in the morning.", "Tickets get closed although the problem is not solved."),
    ("support", "good", "zh"): (
        "售后响应很快，一小时内就解决了问题。", "客服工程师对{product}非常熟悉。", "工单当天就处理完了，非常满意。", "每次打电话都有专业的人接听。"),
    ("support", "bad", "zh"): (
        "售后响应太慢，工单要等好几天。", "同一个问题要跟三个工程师重复说明。", "上午的客服电话基本打不通。", "问题还没解决，工单就被关闭了。"),
    ("onboarding", "good", "en"): (
        "The implementation team kept to the schedule and trained everybody.", "Onboarding took {n} weeks, faster than planned.",
        "The training sessions were practical and well prepared.", "Our key users were productive after the first workshop."),
    ("onboarding", "bad", "en"): (
        "The roll-out took {n} weeks longer than promised.", "Training was too short and too general for our staff.",
        "The implementation consultant changed twice in the middle of the project.", "After go-live we were left alone with the data migration."),
    ("onboarding", "good", "zh"): (
        "实施团队按计划完成了上线，培训也很到位。", "上线只用了{n}周，比计划还快。", "培训内容很实用，准备充分。", "第一次培训之后，我们的关键用户就能独立操作了。"),
    ("onboarding", "bad", "zh"): (
        "实施周期比承诺的晚了{n}周。", "培训太短，内容太笼统，员工不会用。", "项目中途换了两次实施顾问。", "上线之后数据迁移没人管了。"),
    ("usability", "good", "en"): (
        "{product} is easy to use, even for new colleagues.", "The interface is clean and fast.",
        "Everything is where one expects it to be.", "Daily work takes half the clicks it took before."),
    ("usability", "bad", "en"): (
        "The interface of {product} is confusing and needs too many clicks.", "Pages load slowly when many users are online.",
        "Simple things are hidden deep in the menus.", "Our people still go back to spreadsheets because the screens are cumbersome."),
    ("usability", "good", "zh"): (
        "{product}界面简洁，新同事也很容易上手。", "系统操作流畅，速度快。", "功能布局合理，一看就懂。", "日常操作步骤比以前少了一半。"),
    ("usability", "bad", "zh"): (
        "{product}界面复杂，操作步骤太多。", "用户一多，页面打开就很慢。", "常用功能藏得太深，不好找。", "界面不好用，员工还是习惯用表格。"),
    ("integration", "good", "en"): (
        "The interface to our ERP worked at the first attempt.", "The API documentation is excellent.",
        "Master data flow between both systems without manual work.", "Connecting {product} to our warehouse system was painless."),
    ("integration", "bad", "en"): (
        "The connector to our ERP breaks after every update.", "The API documentation is outdated.",
        "Data have to be exported and imported by hand between systems.", "Integration with our finance system was promised and never delivered."),
    ("integration", "good", "zh"): (
        "与我们ERP的接口一次就对接成功了。", "接口文档写得很清楚。", "两个系统之间的主数据自动同步，省了很多人工。", "{product}和仓储系统对接很顺利。"),
    ("integration", "bad", "zh"): (
        "每次升级之后，ERP接口都会出问题。", "接口文档太旧，对不上现在的版本。", "两个系统之间的数据还要手工导入导出。", "承诺的财务系统对接一直没有完成。"),
    ("delivery", "good", "en"): (
        "The hardware arrived on time and complete.", "Delivery was {n} days earlier than agreed.",
        "Logistics were flawless, everything was labelled and documented.", "Spare parts were here the next day."),
    ("delivery", "bad", "en"): (
        "The delivery was {n} days late and nobody told us.", "Two of the gateways arrived damaged.",
        "Parts of the order were missing and came weeks later.", "The delivery date was moved three times."),
    ("delivery", "good", "zh"): (
        "设备按时到货，配件齐全。", "比约定时间提前{n}天交付。", "物流安排周到，标签和单据都齐全。", "备件第二天就送到了。"),
    ("delivery", "bad", "zh"): (
        "交货晚了{n}天，也没有提前通知。", "有两台网关到货时已经损坏。", "订单缺件，几周之后才补齐。", "交货日期改了三次。"),
    ("sales contact", "good", "en"): (
        "Our account manager understands our business.", "The sales engineer answered every question honestly.",
        "We always know whom to call, and they call back.", "No pressure, good advice, clear offers."),
    ("sales contact", "bad", "en"): (
        "Our contact person has changed for the third time.", "After signing, sales never came back to us.",
        "Promises made in the sales meetings were not in the contract.", "It took two weeks to get a quotation."),
    ("sales contact", "good", "zh"): (
        "客户经理很懂我们的业务。", "售前工程师有问必答，很专业。", "有事随时能找到人，回复及时。", "不强推，建议中肯，方案清晰。"),
    ("sales contact", "bad", "zh"): (
        "对接的客户经理已经换了三个。", "签完合同之后销售就不见了。", "当初口头承诺的内容合同里没有。", "一份报价等了两个星期。"),
    ("reporting", "good", "en"): (
        "The dashboards give our managers what they need.", "Reports are flexible and quick to build.",
        "Month-end reporting now takes an hour instead of two days.", "The analysis functions of {product} are excellent."),
    ("reporting", "bad", "en"): (
        "Reports cannot be adapted without a consultant.", "The figures in the dashboard differ from the export.",
        "There is no report by branch, although we asked for it.", "Large reports time out."),
    ("reporting", "good", "zh"): (
        "报表看板很好用，领导很满意。", "报表灵活，自己就能配置。", "月末报表以前要两天，现在一个小时。", "{product}的分析功能很强。"),
    ("reporting", "bad", "zh"): (
        "报表不能自己调整，每次都要找顾问。", "看板上的数字和导出的数据对不上。", "提过要按分公司统计的报表，一直没有。", "数据量一大，报表就超时。"),
    ("mobile app", "good", "en"): (
        "The mobile app is handy for our field staff.", "Scanning with the phone works well.", "Approvals on the phone save us time."),
    ("mobile app", "bad", "en"): (
        "Since the last version the mobile app crashes when uploading photos.", "The new app logs our field staff out several times a day.",
        "The mobile app no longer works offline, which our technicians need.", "After the app update the phone gets no notifications."),
    ("mobile app", "good", "zh"): ("手机端很方便，外勤同事都在用。", "手机扫码录入很顺畅。", "手机审批节省了不少时间。"),
    ("mobile app", "bad", "zh"): (
        "手机端新版本一上传照片就闪退。", "新版APP一天要重新登录好几次。", "手机端离线功能没有了，外勤人员没法用。", "APP升级之后收不到消息提醒。"),
    ("invoicing", "good", "en"): ("Invoices are correct and on time.", "Electronic invoices save our accounting a lot of work."),
    ("invoicing", "bad", "en"): (
        "Invoices come with the wrong tax number and have to be corrected.", "We were invoiced twice for the same period.",
        "The new invoice portal rejects our purchase order numbers.", "Accounting waits for weeks for a corrected invoice."),
    ("invoicing", "good", "zh"): ("发票开得准确及时。", "电子发票给财务省了很多事。"),
    ("invoicing", "bad", "zh"): (
        "发票税号经常开错，要反复修改。", "同一期费用开了两次发票。", "新的开票平台总是退回我们的订单号。", "改一张发票要等好几个星期。"),
}  # fmt: skip
OPENERS = {
    "en": ("", "", "Overall: ", "To be honest, ", "Speaking for our plant: ", "From the IT side, "),
    "zh": ("", "", "总体来说，", "说实话，", "从我们部门的使用情况看，", "目前来看，"),
}
CLOSERS = {
    ("good", "en"): ("", "", " We would recommend it.", " Keep it up.", " Very satisfied."),
    ("bad", "en"): ("", "", " Please improve this.", " We are looking at alternatives.", " Disappointing."),
    ("good", "zh"): ("", "", "会推荐给同行。", "继续保持。", "非常满意。"),
    ("bad", "zh"): ("", "", "希望尽快改进。", "我们在考虑其他供应商。", "比较失望。"),
}
REPS = {
    "good": ("客户资料越来越完整，跟进效率高了。", "The new playbook helps in first meetings.", "售前支持很给力，方案质量提升明显。",
             "Marketing leads have been better this month.", "团队氛围好，大家愿意分享经验。"),
    "bad": ("审批流程太长，报价出不去。", "Too many leads are junk and cost us time.", "竞争对手降价，我们的折扣权限不够。",
            "Forecast meetings take too long.", "售前资源紧张，演示要排队等一周。", "The CRM asks for too many fields."),
}  # fmt: skip
