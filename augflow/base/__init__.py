"""What every room may use: frozen settings, checks of arguments, warnings, times.

In: what a user has typed.
Out: values that cannot change, and words that say what is wrong.
Knows: memory.
Read: words, settings, defaults, checks, structure, user_code, shorten, warn_user, telling,
    progress, regular_file, stage_times, interrupts, opencv.
"""
