"""The kill switch: whether the model may place anything now, read from the settings file at each placement step."""

from catalog.errors import CatalogError
from catalog.settings import Workspace

CODE = "automation_off"
SENTENCE = "Placing automatically was switched off while it was being placed. Please choose the category."


def switched_off(workspace: Workspace) -> bool:
    """True when `automation = "off"`, whatever the running night began with.

    Also when the file cannot be read: somebody is at it, and placing nothing does no harm.
    """
    try:
        return workspace.settings().automation == "off"
    except (CatalogError, OSError):
        return True
