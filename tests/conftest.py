"""Hypothesis, for all tests: repeatable, and without limits that a busy machine breaks.

``pytest --hypothesis-profile=explore`` draws other examples in each run.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", settings.get_profile("repeatable"), derandomize=False)
settings.load_profile("repeatable")
