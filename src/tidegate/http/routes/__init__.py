"""The table of routes: what the application serves, the documents list and the tests go through."""

from tidegate.http.calls import Route
from tidegate.http.routes.alarms import ROUTES as ALARMS
from tidegate.http.routes.breaker import ROUTES as BREAKER
from tidegate.http.routes.calendar import ROUTES as CALENDAR
from tidegate.http.routes.catalogue import ROUTES as CATALOGUE
from tidegate.http.routes.channels import ROUTES as CHANNELS
from tidegate.http.routes.operations import ROUTES as OPERATIONS
from tidegate.http.routes.orders import ROUTES as ORDERS
from tidegate.http.routes.parcels import ROUTES as PARCELS
from tidegate.http.routes.people_consent import ROUTES as PEOPLE_CONSENT
from tidegate.http.routes.people_messages import ROUTES as PEOPLE_MESSAGES
from tidegate.http.routes.people_notices import ROUTES as PEOPLE_NOTICES
from tidegate.http.routes.people_rights import ROUTES as PEOPLE_RIGHTS
from tidegate.http.routes.people_vault import ROUTES as PEOPLE_VAULT
from tidegate.http.routes.presales import ROUTES as PRESALES
from tidegate.http.routes.promotions import ROUTES as PROMOTIONS
from tidegate.http.routes.service import ROUTES as SERVICE
from tidegate.http.routes.settings import ROUTES as SETTINGS
from tidegate.http.routes.shop import ROUTES as SHOP
from tidegate.http.routes.stock import ROUTES as STOCK
from tidegate.http.routes.views import ROUTES as VIEWS

ROUTES: tuple[Route, ...] = (
    *ALARMS,
    *ORDERS, *OPERATIONS, *CATALOGUE, *STOCK, *SHOP, *BREAKER, *CALENDAR, *SETTINGS, *PROMOTIONS,
    *CHANNELS, *PRESALES, *PARCELS, *VIEWS,
    *PEOPLE_NOTICES, *PEOPLE_CONSENT, *PEOPLE_MESSAGES,
    *PEOPLE_VAULT, *PEOPLE_RIGHTS, *SERVICE,
)  # fmt: skip
