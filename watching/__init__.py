"""Watching over what runs: alarms with memory, metrics, health. docs/watching.md says what each module gives.

Imports go watching → schedules → publisher → crawler, never back.
"""
