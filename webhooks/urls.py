"""Where Stripe delivers. Both spellings answer: a redirect would count as a failed delivery."""

from django.urls import path

from webhooks import views

app_name = "webhooks"
urlpatterns = [
    path("stripe", views.receive, name="receive"),
    path("stripe/", views.receive, name="receive"),  # the last one is how it is written
]
