"""Echo 2, which every host serves (guide §1.4)."""

from collections.abc import Mapping

from ewp.errors import RequestRefused
from ewp.host_calls import GET_POST, Call, Endpoint, is_xml_text
from ewp.manifest import Offer
from ewp.messages import echo


class EchoService:
    """Echo 2 (guide §1.4)."""

    api, major = "echo", 2

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """One URL, GET and POST."""
        return {"": Endpoint(GET_POST, self._echo)}

    def offer(self, base: str) -> Offer:
        """Declare it."""
        children = (("url", f"{base}/echo"),)
        return Offer(api="echo", version="2.0.1", major=2, children=children)

    async def _echo(self, call: Call) -> bytes:
        said = call.all("echo")
        if not all(map(is_xml_text, said)):
            raise RequestRefused("echo: has a character that XML cannot carry")
        answer = echo.EchoResponse(hei_ids=tuple(sorted(call.callers)), echoes=said)
        return echo.write_response(answer)
