"""What a shop must be able to show: assessments, breaches, register, and a pack for inspection."""
