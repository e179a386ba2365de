"""Packages whose losses proto/POLICY_LOSSES.md has. Each module has SETTINGS: by the page's settings, functions of a
Batch that return the package's loss. TOLERANCE is 1e-7 unless it says another."""
