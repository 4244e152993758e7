"""Bytes to speeches: pure functions of archived page(s), site file, rules and site profile. No network, no clock."""
