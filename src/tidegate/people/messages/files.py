"""Messages as files in a folder, for a printer of letters or a program that takes them from there.

A file appears whole or not at all, under a name made of the message's key, so the same message
twice is the same file. It holds an address: the folder is private, and whoever empties it deletes.
"""

import os
from hashlib import sha256
from pathlib import Path

from tidegate.people.messages.transports import Handed, Message, Outcome
from tidegate.storage.sqlite_schema import sync_directory

_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700


class FilesTransport:
    """See `transports.Transport`."""

    counts_once = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hand_over(self, message: Message) -> Handed:
        """Write it, durably."""
        name = sha256(message.key.encode()).hexdigest()[:32]
        text = f"To: {message.to}\nFrom: {message.sender}\n{message.subject}\n\n{message.body}"
        try:
            self._folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
            making = self._folder / f".{name}.making"
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            descriptor = os.open(making, flags, _PRIVATE_FILE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            making.replace(self._folder / f"{name}.txt")
            sync_directory(self._folder)
        except OSError as error:
            return Handed(Outcome.LATER, type(error).__name__)
        return Handed(Outcome.SENT, name)

    def rest(self) -> None:
        """Nothing is held."""
