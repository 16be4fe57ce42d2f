"""The documented vocabulary: event types, order states, user levels."""

EVENT_TYPES: dict[str, str] = {
    "page_view": "a page was opened; `page_type` says which kind",
    "product_view": "a product's page was opened",
    "product_list_view": "a list, category or search result was shown",
    "search": "a search was made; `search_query` holds it",
    "add_to_cart": "a product was put into the cart",
    "remove_from_cart": "a product was taken out of the cart",
    "cart_view": "the cart was opened",
    "wishlist_add": "a product was put on the wish list",
    "wishlist_remove": "a product was taken off the wish list",
    "checkout_start": "the checkout was entered: the moment of the propensity decision",
    "checkout_step": "a step of the checkout was taken; `element` names it",
    "sign_up": "an account was made",
    "sign_in": "the visitor signed in; `user_id` is known from here on",
    "sign_out": "the visitor signed out",
    "interaction": "any other click or touch on the page; `element` names it",
    "offer_impression": "an offer was shown; `offer_id` names it",
    "offer_click": "an offer was clicked; `offer_id` names it",
    "notification_open": "a message sent by the shop was opened",
    "ad_impression": "an advertisement elsewhere was shown; `source` names where",
    "ad_click": "an advertisement elsewhere was clicked; `source` names where",
    "heartbeat": "the page is still open",
}

ORDER_STATES: dict[str, str] = {
    "placed": "the order was made; payment is open",
    "paid": "the payment succeeded",
    "payment_failed": "the payment failed; `failure_reason` says why",
    "refunded": "the money was given back",
    "cancelled": "the order was called off before payment",
}

USER_LEVELS: tuple[str, ...] = ("BRONZE", "SILVER", "GOLD", "PLATINUM")
