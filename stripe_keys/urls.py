"""The merchant's pages about keys, mounted at /stripe/."""

from django.urls import path, register_converter

from stripe_keys import views
from stripe_keys.purpose_addresses import PurposeConverter
from stripe_keys.views import closing, connect, managed_keys, report, secret_keys, whose_account


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
    path("connect/<mode:mode>/", connect.connect, name="connect"),
    path("connect/<mode:mode>/<purpose:purpose>/", connect.connect, name="connect"),
    path("return/", connect.install_return, name="install_return"),
    path("paste/<mode:mode>/", connect.paste_key, name="paste_key"),
    path("paste/<mode:mode>/<purpose:purpose>/", connect.paste_key, name="paste_key"),
    path("managed/<mode:mode>/", managed_keys.managed_keys, name="managed_keys"),
    path("managed/<mode:mode>/status/", managed_keys.managed_status, name="managed_status"),
    path("managed/<mode:mode>/on/", managed_keys.managed_on, name="managed_on"),
    path("managed/<mode:mode>/off/", managed_keys.managed_off, name="managed_off"),
    path("managed/<mode:mode>/renew/", managed_keys.managed_renew, name="managed_renew"),
    path("managed/<mode:mode>/<purpose:purpose>/", managed_keys.managed_keys, name="managed_keys"),
    path("managed/<mode:mode>/<purpose:purpose>/status/", managed_keys.managed_status, name="managed_status"),
    path("managed/<mode:mode>/<purpose:purpose>/on/", managed_keys.managed_on, name="managed_on"),
    path("managed/<mode:mode>/<purpose:purpose>/off/", managed_keys.managed_off, name="managed_off"),
    path("managed/<mode:mode>/<purpose:purpose>/renew/", managed_keys.managed_renew, name="managed_renew"),
    path("erased/", closing.show_erased, name="erased"),
    path("export/", closing.export_timeline, name="export"),
    path("close/", closing.close, name="close"),
    path("migrate/", secret_keys.migrate, name="migrate"),
    path("migrate/<mode:mode>/key/", secret_keys.name_secret_key, name="name_secret_key"),
    path("migrate/<mode:mode>/dead/", secret_keys.confirm_dead, name="confirm_dead"),
    path("migrate/<mode:mode>/mistake/", secret_keys.take_back, name="take_back_dead"),
    path("keys/<uuid:key_id>/", views.key_detail, name="key_detail"),
    path("keys/<uuid:key_id>/status/", views.key_status, name="key_status"),
    path("keys/<uuid:key_id>/check/", views.check_key, name="check_key"),
    path("keys/<uuid:key_id>/permissions/", report.key_permissions, name="key_permissions"),
    path("keys/<uuid:key_id>/survey/", report.survey_key, name="survey_key"),
    path("keys/<uuid:key_id>/replace/", connect.replace_key, name="replace_key"),
    path("keys/<uuid:key_id>/remove/", views.remove_key, name="remove_key"),
    path("keys/<uuid:key_id>/confirm-account/", views.confirm_account, name="confirm_account"),
    path("keys/<uuid:key_id>/account/", whose_account.name_account, name="name_account"),
]
