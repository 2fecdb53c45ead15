"""What a shop may choose about its watch, and what stands where nothing is chosen.

Always stated as how often it may be wrong; thresholds follow from that and from how much is
watched. Never a threshold by itself.
"""

from typing import NamedTuple

from tidegate.watch import layout as lo


class Settings(NamedTuple):
    """How often the watch may be wrong in 180 days, by what it does, and the burn of a budget."""

    wrong_pauses: float = 1.0
    wrong_caps: float = 6.0
    wrong_notes: float = 24.0
    burn_factor: float = 5.0  # discount money over plan in 5 minutes, while an hour's plan is spent
    cold_days: float = 28.0  # so long everything is a note, but what a list price or a plan says

    def into(self, state: lo.State) -> None:
        """Set them in a state."""
        state.settings[lo.WRONG_PAUSES] = self.wrong_pauses
        state.settings[lo.WRONG_CAPS] = self.wrong_caps
        state.settings[lo.WRONG_NOTES] = self.wrong_notes
        state.settings[lo.BURN_FACTOR] = self.burn_factor
        state.settings[lo.UPDATES_FIRST] = UPDATES_FIRST


UPDATES_FIRST = 10_000.0  # updates in 180 days that every scope is taken to have at least
CAPS_SHARES = 7.0  # hypotheses that share what is allowed of caps
PAUSES_SHARES = 8.0
USUAL = Settings()
