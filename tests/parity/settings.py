"""The settings under which augflow and Keras are compared, in the order of the table.

``docs/parity.md`` is printed from this list: ``python -m tests.parity.table``.
"""

from __future__ import annotations

from tests.parity import settings_flows as flows
from tests.parity import settings_order as order
from tests.parity import settings_pixels as pixels
from tests.parity.setting import Setting

SECTIONS = (
    pixels.one_transform,
    pixels.together,
    pixels.fill_modes,
    pixels.values,
    pixels.functions,
    pixels.types_and_formats,
    flows.reading,
    flows.directories,
    flows.dataframes,
    flows.array_flows,
    order.order,
    order.attributes_set_from_outside,
    order.saving,
)
SETTINGS: list[Setting] = [setting for section in SECTIONS for setting in section()]
