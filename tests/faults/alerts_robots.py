"""The sending process, with the robots of DingTalk, Feishu and WeCom on the loopback.

Always the product's own process and apprise's own plugins; only where they call is another place:
`alerts_robots.py PORT`.
"""

import sys

from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.feishu import NotifyFeishu
from apprise.plugins.wecombot import NotifyWeComBot

from tidegate.watch.alerts.sending_process import main

if __name__ == "__main__":
    here = f"http://127.0.0.1:{sys.argv[1]}"
    NotifyDingTalk.notify_url = here + "/ok/dingtalk?access_token={token}"
    NotifyFeishu.notify_url = here + "/ok/feishu/{token}"
    NotifyWeComBot.notify_url = here + "/refuses/wecom?key={key}"
    sys.exit(main())
