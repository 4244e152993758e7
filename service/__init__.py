"""`jianghua up`: scheduler, workers and web pages on one machine.

up.py starts and stops it; supervisor.py and scheduler.py are the scheduler beside the pages; app.py puts the pages together from
pages.py (people), api.py (machines), files.py (datasets and catalogue), behind guard.py and access.py.
"""
