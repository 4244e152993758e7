"""How an older ledger becomes one of today; see "Changing the ledger's tables" in docs/scheduling.md."""
