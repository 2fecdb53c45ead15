"""A process that stores and destroys persons until it is killed; says what is done, line by line.

A line is written after the call returned: whatever was said must hold when the files are opened.
"""

import sys
from pathlib import Path

from tidegate.people.vault.writing import NewValue
from tidegate.testing.vault_house import OPERATOR, ORDER, House


def main(folder: Path, first: int) -> None:
    """Persons `first`, `first` + 1, ...: each stored, corrected; every second one destroyed."""
    house = House(folder)
    print("ready", flush=True)
    person = first
    while True:
        writing, erasing = house.vault.writing, house.vault.erasing
        writing.store(OPERATOR, person, [NewValue("phone", f"137{person:08d}", ORDER)])
        print(f"stored {person}", flush=True)
        writing.store(OPERATOR, person, [NewValue("phone", f"138{person:08d}", ORDER)])
        print(f"corrected {person}", flush=True)
        if person % 2:
            erasing.shred(OPERATOR, person, (), "asked")
            print(f"destroyed {person}", flush=True)
        person += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
