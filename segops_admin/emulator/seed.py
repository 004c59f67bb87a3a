"""Made-up but repeatable data: a small bakery's customers, what they did, and its shelf."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from segops_admin.emulator.store import to_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segops_admin.emulator.store import Store

_DAY_S = 86400.0
_COUNTRIES, _PLANS = ("NO", "SE", "DK", "DE", "FR"), ("home", "cafe", "bakery")
_GRAINS, _SIZES = ("rye", "spelt", "wheat", "oat"), (250, 500, 750, 1000)

_EVENT_SQL = "INSERT INTO events (tenant_id, user_id, event_type, occurred_at, payload) VALUES (?, ?, ?, ?, ?)"
_PRODUCT_SQL = """
INSERT OR IGNORE INTO products (tenant_id, sku, name, data, source, created_at, updated_at)
VALUES (?, ?, ?, ?, 'seed', ?, ?)"""


def seed_tenant(store: Store, tenant_id: int, now: float, *, users: int, products: int, seed: int) -> dict[str, int]:
    """Fill a tenant and return how much was made; the same seed makes the same data."""
    dice = random.Random(seed)  # noqa: S311  repeatable, not secret
    events = [event for number in range(users) for event in _history(dice, tenant_id, f"cust-{9000 + number}", now)]
    store.executemany(_EVENT_SQL, events)
    store.executemany(_PRODUCT_SQL, (_product(dice, tenant_id, number, now) for number in range(products)))
    return {"users": users, "events": len(events), "products": products}


def _history(dice: random.Random, tenant_id: int, user_id: str, now: float) -> Iterator[tuple[object, ...]]:
    traits = {"country": dice.choice(_COUNTRIES), "plan": dice.choice(_PLANS), "newsletter": dice.random() < 0.5}
    joined = now - dice.uniform(1, 180) * _DAY_S
    yield tenant_id, user_id, "context_identified", joined, to_json(traits)
    for _ in range(dice.randrange(12)):
        at = dice.uniform(joined, now)
        kind = dice.choice(("loaf_baked", "flour_bought", "recipe_opened"))
        payload = {
            "loaf_baked": {"minutes": dice.randrange(20, 90)},
            "flour_bought": {"amount": round(dice.uniform(2, 40), 2), "grain": dice.choice(_GRAINS)},
            "recipe_opened": {"level": dice.choice(("easy", "hard"))},
        }[kind]
        yield tenant_id, user_id, kind, at, to_json(payload)


def _product(dice: random.Random, tenant_id: int, number: int, now: float) -> tuple[object, ...]:
    grain, size = dice.choice(_GRAINS), dice.choice(_SIZES)
    data = {"grain": grain, "weight_g": size, "price": {"amount": round(dice.uniform(2, 12), 2), "currency": "EUR"}}
    return tenant_id, f"{grain.upper()}-{number:05}", f"{grain.title()} bread {size} g", to_json(data), now, now
