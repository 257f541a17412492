"""firebase-admin for Python as documented: `send_each_async`, 500 messages a call.

It takes no other address: that of its service is replaced, which is private to it.
"""

import asyncio
import json
import os
import sys
import time
import uuid
import warnings
from typing import Any, cast

import firebase_admin
import uvloop
from firebase_admin import credentials, messaging

SIDE_BY_SIDE = 2  # calls; more make it no faster
A_CALL = 500


def message() -> messaging.Message:
    name = str(uuid.uuid4())
    return messaging.Message(
        fid=f"f{uuid.uuid4().hex[:21]}",
        notification=messaging.Notification(
            title="A tua nomeação chegou", body="Toca para ver o próximo passo."
        ),
        data={"id": name, "kind": "nominated", "mobility": name},
        android=messaging.AndroidConfig(
            collapse_key=name,
            priority="high",
            ttl=259_200,
            notification=messaging.AndroidNotification(tag=name),
        ),
        apns=messaging.APNSConfig(
            headers={"apns-collapse-id": name, "apns-priority": "10"},
            payload=messaging.APNSPayload(aps=messaging.Aps(thread_id=name)),
        ),
        webpush=messaging.WebpushConfig(headers={"TTL": "259200", "Urgency": "high"}),
    )


async def send(number: int) -> int:
    left, sent = number, 0

    async def one() -> None:
        nonlocal left, sent
        while left > 0:
            many = min(left, A_CALL)
            left -= many
            answer = await messaging.send_each_async([message() for _ in range(many)])
            sent += answer.success_count
            for each in answer.responses:
                if each.exception is not None:
                    raise each.exception

    await asyncio.gather(*(one() for _ in range(SIDE_BY_SIDE)))
    return sent


async def main() -> None:
    app = firebase_admin.initialize_app(credentials.Certificate(os.environ["FCM_ACCOUNT"]))
    service = cast("Any", messaging)._get_messaging_service(app)  # noqa: SLF001
    service._fcm_url = f"{os.environ['FCM']}/v1/projects/bench/messages:send"  # noqa: SLF001
    warm = await send(200)
    cpu, began = time.process_time(), time.perf_counter()
    sent = await send(int(sys.argv[1]))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"sent": sent, "warm": warm, "seconds": seconds, "cpu": cpu}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
