"""What was published about the night of 26 October 2021: the figures every act is measured by.

Always holds: a constant here stands in the shop's letter of 2021-10-28 or in the press of those
days. Never here: an assumption of ours; those live beside the code that makes them.
"""

from typing import Final

BUYERS: Final = 140_500
ORDERS_OF_50_OR_MORE: Final = 451
LARGE_ORDER_BOXES: Final = 50
LARGEST_ORDER_BOXES: Final = 41_000
NIGHT_MS: Final = 30 * 60 * 1000  # from midnight until a person noticed
LIST_PRICE_FEN: Final = 26_000  # the example of the press: goods of 260.00 yuan ...
PAID_PRICE_FEN: Final = 1_000  # ... for about 10.00
MEAN_ARRIVALS_PER_S: Final = BUYERS / 1_800  # 78 a second
ORDER_VALUE_TEXT: Final = "tens of millions of yuan 数千万元"
LOSS_TEXT: Final = "over 2,000,000 yuan, by the press 媒体估计超 200 万元"
