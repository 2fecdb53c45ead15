"""What happens around an order once it is decided: presales, gifts, parcels, returns."""
