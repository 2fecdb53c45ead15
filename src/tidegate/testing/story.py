"""A made-up history of one shop, drawn from a seed: commands, orders, facts, operations and time.

The same seed gives the same history, whatever the machine, the interpreter or its hash seed. Some
of it is wild on purpose: values at and past their bounds, ids used twice, lines that point nowhere.
"""

from random import Random

from tidegate.record import facts as f
from tidegate.record.lines import NO_SKU, OPERATION_KINDS, Array
from tidegate.testing.scene import ANNA, BERT, Scene, Verdict

SKUS = 8  # the last is a bundle, the one before has no cost
PRICE_FEN = 1_000
WILD = {
    "quantity": (0, -5, 1_000_000, 1_000_001, -(2**31)),
    "receivable_fen": (0, -1, 1 << 40, (1 << 40) + 1, 2**63 - 1, -(2**63)),
    "platform_fen": (-1, 1, 2**31 - 1),
    "mismatch_fen": (1, -(2**31)),
    "placed_at_ms": (0, 2**63 - 1, -(2**63)),
    "pricing_version": (1, 2**32 - 1),
    "hold_ttl_s": (1, 2**32 - 1),
    "sku": (SKUS, 1 << 20, NO_SKU),
    "promotion": (2, 2**16 - 1),
    "exception": (1, 2, 2**16 - 1),
    "channel": (9, 255),
    "gift_of": (1, 2, 3, 64, 255),
    "verified": (0, 255),
    "key2": (2**64 - 1,),
}  # fmt: skip

LIVES = (
    ("pay", "ship"), ("pay", "ship", "return"), ("pay", "ship", "return_defective"),
    ("extend", "pay", "cancel"), ("extend", "extend", "expire"), ("expire", "pay", "ship"),
    ("cancel", "expire", "pay"), ("cancel",), ("release", "ship", "return"),
    ("hold", "release", "ship"), ("release", "cancel"), ("release", "ship"),
    ("release", "hold", "release", "ship"),
)  # fmt: skip
INTERCEPTED = 2  # of a hold: the warehouse has confirmed it


class Story:
    """Acts on a scene, one batch at a time."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene, self.random = scene, Random(seed)
        self.orders: list[Array] = []  # decided lately, to repeat
        self.taken: list[Array] = []  # accepted lately, to operate on
        self.verdicts: list[Verdict] = []

    def open(self) -> None:
        """The catalogue, stock and rules that the shop begins with."""
        goods = [
            f.PutSku(f"S{n}", PRICE_FEN, cost_floor_fen=600, red_line_fen=100 * n)
            for n in range(SKUS - 2)
        ]
        for command in (
            f.PutPool("mall"),
            f.PutChannel("web"),
            f.PutChannel("mall", kind="marketplace", pool="mall"),
            *goods,
            f.PutSku(f"S{SKUS - 2}", PRICE_FEN, quantity_max=9),
            f.PutSku(f"S{SKUS - 1}", 3 * PRICE_FEN, parts={"S0": 2, "S1": 1}),
            f.PutPromotion("P"),
            f.PutGroup("G", ["S0", "S1", "S2"]),
            f.PutRule("week", "group", "G", window="week", limits={"account": 9, "phone": 9}),
            f.PutRule("order", "sku", "S3", basis="orders", window="day", limits={"account": 2}),
            f.PutRule("spent", "promotion", "P", basis="discount", budget=5_000),
            f.PutRule("rate", "shop", basis="orders", window="minute", budget=30),
            f.SetPolicy(hold_cap=3, hold_ttl_s=600),
            *(f.ReceiveStock(f"S{n}", 60) for n in range(SKUS - 1)),
            *(f.MoveStock(f"S{n}", 15, "shared", "mall") for n in range(SKUS - 1)),
        ):
            self.scene.do(command)
        exempt = ["limit_exceeded", "order_too_large"]
        until = self.scene.now_ms + 86_400_000
        approval = f.ApproveException("E", ["S0", "S4"], 300, 20, until, exempt)
        self.scene.do(approval, ANNA, BERT)

    def step(self) -> None:
        """One batch of something."""
        acts = {
            self.buy: 12, self.live: 8, self.operate: 4, self.tell: 3, self.pass_time: 4,
            self.repeat: 2,
        }  # fmt: skip
        (act,) = self.random.choices(list(acts), list(acts.values()))
        act()

    def buy(self) -> None:
        """A batch of a few orders or facts."""
        rows = [self.draw_order() for _ in range(self.random.randint(1, 5))]
        self.orders = [*self.orders, *rows][-60:]
        for row in rows:
            self.verdicts.append(self.scene.place(row))
            if self.verdicts[-1].ok or self.random.random() < 0.05:
                self.taken = [*self.taken, row][-20:]

    def draw_order(self) -> Array:
        """Rows of one order; one in ten is wild."""
        draw = self.random
        lines = []
        for _ in range(draw.choice((1, 1, 1, 2, 3))):
            sku, units = draw.randrange(SKUS), draw.randint(1, 3)
            price = PRICE_FEN * (3 if sku == SKUS - 1 else 1) - draw.choice(
                (0, 0, 0, 0, 0, 100, 500)
            )
            lines.append({"sku": sku, "quantity": units, "receivable_fen": price * units})
        if len(lines) > 1 and draw.random() < 0.2:
            lines[1] |= {"receivable_fen": 0, "gift_of": 1}
        if draw.random() < 0.2:
            lines[0] |= {"promotion": 1}
        keys = {"account": draw.randint(1, 12), "phone": draw.randint(101, 112)}
        fact = draw.random() < 0.3
        rows = self.scene.rows(
            *lines, keys=keys, paid=draw.random() < 0.6, fact=fact, channel=int(fact)
        )
        if draw.random() < 0.1:
            field = draw.choice(sorted(WILD))
            rows[field][draw.randrange(len(rows))] = draw.choice(WILD[field])
        return rows

    def repeat(self) -> None:
        """An order that was seen before, or its id with other content."""
        if self.orders:
            rows = self.random.choice(self.orders).copy()
            rows["receivable_fen"][0] += self.random.choice((0, 0, 1))
            self.verdicts.append(self.scene.place(rows))

    def live(self) -> None:
        """A part of an order's life, as orders live."""
        if not self.taken:
            return
        rows = self.random.choice(self.taken)
        number = int(rows[0]["id_lo"])
        due = sum(int(row["receivable_fen"]) - int(row["platform_fen"]) for row in rows)
        for kind in self.random.choice(LIVES):
            if kind == "expire":
                self.scene.wait(s=601)
                self.scene.expire()
                continue
            quantity = {"extend": 300}.get(kind, 0)
            if kind in {"cancel", "return", "return_defective"} and len(rows) == 1:
                quantity = self.random.choice((0, 1))
            flags = INTERCEPTED if kind == "hold" else 0
            if kind == "release":
                flags = int(self.random.random() < 0.5)
            fen = max(-(2**62), min(due, 2**62))
            self.verdicts.append(
                self.scene.operate(kind, number, quantity=quantity, fen=fen, flags=flags)
            )

    def operate(self) -> None:
        """An operation on one of the orders, apt or not."""
        if not self.taken:
            return
        draw = self.random
        rows = draw.choice(self.taken)
        kind = draw.choice(OPERATION_KINDS[1:])
        due = sum(int(fen) for fen in rows["receivable_fen"])
        quantity = draw.choice((0, 0, 1, 2, -1, 900 if kind == "extend" else 1))
        verdict = self.scene.operate(
            kind, int(rows[0]["id_lo"]), quantity=quantity, fen=max(-(2**62), min(due, 2**62)),
            line=draw.choice((0xFFFF, 0xFFFF, 0, 1)), flags=draw.choice((0, 1)),
        )  # fmt: skip
        self.verdicts.append(verdict)

    def tell(self) -> None:
        """A command of an operator."""
        draw = self.random
        sku, pool = f"S{draw.randrange(SKUS)}", draw.choice(("shared", "mall"))
        self.scene.tell(
            draw.choice(
                (
                    f.ReceiveStock(sku, draw.randint(1, 30), pool),
                    f.CountStock(sku, draw.randint(0, 30), pool),
                    f.AdjustStock(sku, draw.randint(-5, 5), pool),
                    f.MoveStock(sku, draw.randint(1, 5), "shared", "mall"),
                    f.StartRecall(sku, draw.randint(1, 5), "mall"),
                    f.FinishRecall(sku, draw.randint(1, 5), "mall"),
                    f.PutSku("S5", PRICE_FEN, cost_floor_fen=draw.randint(500, 700)),
                    f.PutGroup("G", draw.sample(["S0", "S1", "S2", "S3"], 2)),
                    f.SetFlag("sku", draw.choice(("paused", "alarm")), draw.random() < 0.3, "S2"),
                    f.SetFlag("shop", "incident", draw.random() < 0.3),
                    f.SetPolicy(hold_cap=draw.randint(0, 4)),
                )
            )
        )

    def pass_time(self) -> None:
        """Time passes, and the holds that are due end."""
        self.scene.wait(s=self.random.choice((1, 30, 61, 601, 4_000, 86_400, 86_400 * 9)))
        self.scene.expire()


def told(seed: int, steps: int, scene: Scene | None = None) -> Story:
    """A whole history."""
    story = Story(scene or Scene(), seed)
    story.open()
    for _ in range(steps):
        story.step()
    return story
