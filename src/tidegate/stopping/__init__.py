"""The desk's side of the breaker: stopping a shop, a SKU or a promotion, and selling again."""
