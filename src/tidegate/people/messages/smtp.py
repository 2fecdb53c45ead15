"""Mail by SMTP (RFC 5321): one message to one recipient, and an honest outcome.

Until the whole text has been offered a failure means "not taken"; from then on a connection that
ends without a reply means "unknown".
This module never sends to two recipients at once, and never logs an address.
"""

import re
import smtplib
import ssl
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as MAIL_POLICY
from email.utils import format_datetime
from hashlib import sha256
from typing import NamedTuple

from tidegate.people.messages.transports import Handed, Message, Outcome

_STARTS_WITH_DOT = re.compile(rb"(?m)^\.")
_ADDRESS = re.compile(r"[^\s<>@,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.\-]{1,255}")
TAKEN = 250
GO_AHEAD = 354
PERMANENT = 500


class SmtpSettings(NamedTuple):
    """Where mail is handed over, and as whom. `mail_from` bounces come back to."""

    host: str
    port: int
    mail_from: str
    security: str = "starttls"  # starttls, tls or none (a server on this machine)
    user: str = ""
    timeout_s: float = 30.0
    unsubscribe: str = ""  # an address for the header List-Unsubscribe, mailto: or https:


class SmtpTransport:
    """See `transports.Transport`. Keeps one connection while messages follow each other."""

    counts_once = False

    def __init__(self, settings: SmtpSettings, password: str = "") -> None:
        self._settings = settings
        self._password = password
        self._smtp: smtplib.SMTP | None = None

    def hand_over(self, message: Message) -> Handed:
        """Try once."""
        if not _ADDRESS.fullmatch(message.to) or not message.to.isascii():
            return Handed(Outcome.REFUSED, "address")
        try:
            smtp = self._connected()
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Handed(Outcome.LATER, type(error).__name__)
        try:
            return self._send(smtp, message)
        finally:
            if smtp.sock is None:
                self._drop()

    def rest(self) -> None:
        """Say goodbye."""
        if self._smtp is not None:
            try:
                self._smtp.quit()
            except (OSError, smtplib.SMTPException):
                self._smtp.close()
            self._smtp = None

    def _send(self, smtp: smtplib.SMTP, message: Message) -> Handed:
        try:
            for code in (
                smtp.mail(self._settings.mail_from)[0],
                smtp.rcpt(message.to)[0],
            ):
                if code != TAKEN:
                    smtp.rset()
                    return _refused(code)
            code = smtp.docmd("DATA")[0]
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Handed(Outcome.LATER, type(error).__name__)
        if code != GO_AHEAD:
            return _refused(code)
        try:
            smtp.send(_on_the_wire(self._mail(message)))
            code = smtp.getreply()[0]
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Handed(Outcome.UNKNOWN, type(error).__name__)
        return Handed(Outcome.SENT, str(code)) if code == TAKEN else _refused(code)

    def _mail(self, message: Message) -> bytes:
        settings = self._settings
        mail = EmailMessage(policy=MAIL_POLICY)
        mail["From"] = Address(display_name=message.sender, addr_spec=settings.mail_from)
        mail["To"] = message.to
        mail["Subject"] = f"{message.subject}"
        mail["Date"] = format_datetime(datetime.fromtimestamp(message.at_ms / 1000, UTC))
        domain = settings.mail_from.rpartition("@")[2]
        mail["Message-ID"] = f"<{sha256(message.key.encode()).hexdigest()[:32]}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        if message.is_marketing and settings.unsubscribe:
            mail["List-Unsubscribe"] = f"<{settings.unsubscribe}>"
        mail.set_content(message.body, charset="utf-8", cte="base64")
        return mail.as_bytes()

    def _connected(self) -> smtplib.SMTP:
        if self._smtp is not None and self._smtp.sock is not None:
            return self._smtp
        settings = self._settings
        if settings.security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=settings.timeout_s,
                context=ssl.create_default_context(),
            )  # fmt: skip
        else:
            smtp = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s)
        self._smtp = smtp
        smtp.ehlo_or_helo_if_needed()
        if settings.security == "starttls":
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
        if settings.user:
            smtp.login(settings.user, self._password)
        return smtp

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None


def _refused(code: int) -> Handed:
    return Handed(Outcome.REFUSED if code >= PERMANENT else Outcome.LATER, str(code))


def _on_the_wire(mail: bytes) -> bytes:
    """With its dots doubled and its end marked (RFC 5321, 4.5.2)."""
    text = _STARTS_WITH_DOT.sub(b"..", mail)
    return text + (b"" if text.endswith(b"\r\n") else b"\r\n") + b".\r\n"
