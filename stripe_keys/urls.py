"""The merchant's pages about keys, mounted at /stripe/."""

from django.urls import path, register_converter

from stripe_keys import (
    account_views,
    closing_views,
    connect_views,
    managed_views,
    report_views,
    secret_key_views,
    views,
)
from stripe_keys.purpose_addresses import PurposeConverter


class ModeConverter:
    """`live` or `test` in an address."""

    regex = "live|test"

    def to_python(self, value: str) -> str:
        """The mode as it stands."""
        return value

    def to_url(self, value: str) -> str:
        """The mode as it stands."""
        return value


register_converter(ModeConverter, "mode")
register_converter(PurposeConverter, "purpose")

app_name = "stripe_keys"
urlpatterns = [
    path("keys/", views.key_list, name="key_list"),
    path("connect/<mode:mode>/", connect_views.connect, name="connect"),
    path("connect/<mode:mode>/<purpose:purpose>/", connect_views.connect, name="connect"),
    path("return/", connect_views.install_return, name="install_return"),
    path("paste/<mode:mode>/", connect_views.paste_key, name="paste_key"),
    path("paste/<mode:mode>/<purpose:purpose>/", connect_views.paste_key, name="paste_key"),
    path("managed/<mode:mode>/", managed_views.managed_keys, name="managed_keys"),
    path("managed/<mode:mode>/status/", managed_views.managed_status, name="managed_status"),
    path("managed/<mode:mode>/on/", managed_views.managed_on, name="managed_on"),
    path("managed/<mode:mode>/off/", managed_views.managed_off, name="managed_off"),
    path("managed/<mode:mode>/renew/", managed_views.managed_renew, name="managed_renew"),
    path("managed/<mode:mode>/<purpose:purpose>/", managed_views.managed_keys, name="managed_keys"),
    path(
        "managed/<mode:mode>/<purpose:purpose>/status/", managed_views.managed_status, name="managed_status"
    ),
    path("managed/<mode:mode>/<purpose:purpose>/on/", managed_views.managed_on, name="managed_on"),
    path("managed/<mode:mode>/<purpose:purpose>/off/", managed_views.managed_off, name="managed_off"),
    path("managed/<mode:mode>/<purpose:purpose>/renew/", managed_views.managed_renew, name="managed_renew"),
    path("erased/", closing_views.show_erased, name="erased"),
    path("export/", closing_views.export_timeline, name="export"),
    path("close/", closing_views.close, name="close"),
    path("migrate/", secret_key_views.migrate, name="migrate"),
    path("migrate/<mode:mode>/key/", secret_key_views.name_secret_key, name="name_secret_key"),
    path("migrate/<mode:mode>/dead/", secret_key_views.confirm_dead, name="confirm_dead"),
    path("migrate/<mode:mode>/mistake/", secret_key_views.take_back, name="take_back_dead"),
    path("keys/<uuid:key_id>/", views.key_detail, name="key_detail"),
    path("keys/<uuid:key_id>/status/", views.key_status, name="key_status"),
    path("keys/<uuid:key_id>/check/", views.check_key, name="check_key"),
    path("keys/<uuid:key_id>/permissions/", report_views.key_permissions, name="key_permissions"),
    path("keys/<uuid:key_id>/survey/", report_views.survey_key, name="survey_key"),
    path("keys/<uuid:key_id>/replace/", connect_views.replace_key, name="replace_key"),
    path("keys/<uuid:key_id>/remove/", views.remove_key, name="remove_key"),
    path("keys/<uuid:key_id>/confirm-account/", views.confirm_account, name="confirm_account"),
    path("keys/<uuid:key_id>/account/", account_views.name_account, name="name_account"),
]
