"""The command ``augflow``: what a terminal gives, and what it gets.

In: the words behind ``augflow`` on a command line.
Out: text, colours on a terminal, JSON for machines, and an exit code.
Knows: base, report, doctor, swap, rewrite.
Read: terminal, page, check_data, run_script, migrate_files, generator_options, preview_folder,
bench_folder, main.
"""
