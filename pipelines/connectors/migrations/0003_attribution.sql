-- Orders, what led to them, and who is credited: filled by the query attribute_orders and the job
-- settle_attribution, each batch in one transaction with its row in ops.ledger. Everything here can be
-- made again from the lake.

create schema gold;

create table ops.leases (
    query    text        primary key,
    epoch    bigint      not null,
    holder   text        not null,
    taken_at timestamptz not null default now()
);
comment on table ops.leases is 'Who may write for a query: a driver whose epoch is not the newest is refused.';

create table ops.ledger (
    query        text        primary key,
    query_id     text        not null,
    batch_id     bigint      not null,
    positions    jsonb       not null,
    watermark    timestamptz,
    committed_at timestamptz not null default now()
);
comment on table ops.ledger is 'One row per query: its newest batch that is in Postgres.';
comment on column ops.ledger.query_id is 'the id in the query''s checkpoint';
comment on column ops.ledger.positions is 'topic -> partition -> next offset that the tables cover';
comment on column ops.ledger.watermark is 'clicks before it no longer come in by the stream';

create table gold.user_versions (
    user_id    text        not null,
    valid_from timestamptz not null,
    topic      text        not null,
    partition  integer     not null,
    "offset"   bigint      not null,
    level      text,
    gender     text,
    country    text,
    is_deleted boolean     not null,
    primary key (user_id, valid_from, topic, partition, "offset")
);
comment on table gold.user_versions is 'One row per version of a user, for the version valid at an order''s time.';

create table gold.product_versions (
    product_id    text        not null,
    valid_from    timestamptz not null,
    topic         text        not null,
    partition     integer     not null,
    "offset"      bigint      not null,
    category      text,
    price_minor   bigint,
    currency      text,
    commission_bp integer,
    is_deleted    boolean     not null,
    primary key (product_id, valid_from, topic, partition, "offset")
);
comment on table gold.product_versions is 'One row per version of a product.';

create table gold.checkouts (
    order_id         text        not null,
    visitor_id       text        not null,
    event_id         text        not null,
    topic            text        not null,
    partition        integer     not null,
    "offset"         bigint      not null,
    ingested_at      timestamptz not null,
    occurred_at      timestamptz not null,
    user_id          text,
    status           text        not null,
    failure_reason   text,
    payment_method   text,
    currency         text,
    shipping_minor   bigint,
    discount_bp      integer,
    sent_total_minor bigint,
    goods_minor      bigint,
    total_minor      bigint,
    profit_minor     bigint,
    total_agrees     boolean,
    level            text,
    gender           text,
    country          text,
    lines            jsonb       not null
);
-- Visitors make up their ids and those of their clicks: these may be longer than an index can hold.
create unique index checkouts_key on gold.checkouts (order_id, md5(visitor_id), md5(event_id));
create index checkouts_by_time on gold.checkouts (occurred_at);
comment on table gold.checkouts is 'One row per message of an order: placed, paid, failed, refunded, cancelled.';
comment on column gold.checkouts.total_minor is 'sum of price x quantity, less discount, plus shipping; null: a price is unknown';
comment on column gold.checkouts.profit_minor is 'the goods'' part of total_minor x commission, line by line';
comment on column gold.checkouts.total_agrees is 'whether the total sent is the computed one; null when one is missing';
comment on column gold.checkouts.lines is
    '[{line_number, product_id, quantity, unit_price_minor, category, commission_bp, goods_minor}]';

create table gold.touchpoints (
    order_id    text        not null,
    visitor_id  text        not null,
    event_id    text        not null,
    topic       text        not null,
    partition   integer     not null,
    "offset"    bigint      not null,
    occurred_at timestamptz not null,
    source      text        not null,
    medium      text,
    campaign    text,
    batch_id    bigint
);
create unique index touchpoints_key on gold.touchpoints (order_id, md5(visitor_id), md5(event_id));
comment on table gold.touchpoints is 'One row per order and click that says where its visit came from, within the look-back.';
comment on column gold.touchpoints.batch_id is 'the stream''s batch that took it; null: the daily job did';

create table gold.orders (
    order_id          text        primary key,
    visitor_id        text        not null,
    user_id           text,
    ordered_at        timestamptz not null,
    ordered_minute    timestamptz not null,
    status            text        not null,
    is_paid           boolean     not null,
    payment_method    text,
    currency          text,
    paid_minor        bigint,
    refunded_minor    bigint,
    net_minor         bigint,
    profit_minor      bigint,
    total_agrees      boolean,
    level             text,
    gender            text,
    country           text,
    lines             jsonb       not null,
    versions          integer     not null,
    touches           integer     not null,
    look_back_seconds integer     not null,
    is_final          boolean     not null,
    first_ingested_at timestamptz not null
);
create index orders_by_minute on gold.orders (ordered_minute);
create index orders_not_final on gold.orders (ordered_at) where not is_final;
comment on table gold.orders is 'One row per order: how it stands after all its messages so far.';
comment on column gold.orders.ordered_at is 'time of its first message that is no refund or cancellation';
comment on column gold.orders.paid_minor is 'what was paid; 0 when nothing was, null when nobody said how much';
comment on column gold.orders.net_minor is 'paid less refunded; 0 when cancelled';
comment on column gold.orders.profit_minor is 'commission on the goods, in proportion to net_minor';
comment on column gold.orders.touches is 'touches of the path within look_back_seconds';
comment on column gold.orders.is_final is 'false: clicks that change the credit may still come by the stream';

create table gold.attributed_orders (
    order_id          text        not null,
    look_back_seconds integer     not null,
    model             text        not null,
    source            text        not null,
    share_micros      bigint      not null check (share_micros between 0 and 1000000),
    revenue_minor     bigint,
    profit_minor      bigint,
    currency          text,
    ordered_minute    timestamptz not null,
    is_final          boolean     not null,
    fit_version       bigint,
    primary key (order_id, look_back_seconds, model, source)
);
create index attributed_orders_by_minute on gold.attributed_orders (ordered_minute, look_back_seconds);
comment on table gold.attributed_orders is 'One row per paid order, look-back, model and source credited.';
comment on column gold.attributed_orders.share_micros is 'share of the order, 1000000 is the whole; sums to it per order and model';
comment on column gold.attributed_orders.revenue_minor is 'that share of the order''s net_minor; sums to it per order and model';
comment on column gold.attributed_orders.fit_version is 'of a fitted model: which fit gave the shares';

create table gold.source_count (
    minute            timestamptz not null,
    look_back_seconds integer     not null,
    model             text        not null,
    source            text        not null,
    currency          text        not null,
    order_micros      bigint      not null,
    revenue_minor     bigint      not null,
    profit_minor      bigint      not null,
    final_micros      bigint      not null,
    primary key (minute, look_back_seconds, model, source, currency)
);
comment on table gold.source_count is 'Paid orders credited to a source, by minute of the order. order_micros / 1e6 is orders.';

create table gold.fail_count (
    minute   timestamptz not null,
    reason   text        not null,
    failures bigint      not null,
    primary key (minute, reason)
);
comment on table gold.fail_count is 'Payments that failed, by minute of the failure.';

create table gold.category_count (
    minute      timestamptz not null,
    category    text        not null,
    orders      bigint      not null,
    pieces      bigint      not null,
    primary key (minute, category)
);
comment on table gold.category_count is 'Paid orders by category of their lines, by minute of the order.';

create table gold.gender_count (
    minute timestamptz not null,
    gender text        not null,
    orders bigint      not null,
    primary key (minute, gender)
);
comment on table gold.gender_count is 'Paid orders by gender of the user, by minute of the order.';

create table gold.revenue (
    minute         timestamptz not null,
    currency       text        not null,
    orders         bigint      not null,
    revenue_minor  bigint      not null,
    profit_minor   bigint      not null,
    refunded_minor bigint      not null,
    totals_sent_wrong bigint   not null,
    primary key (minute, currency)
);
comment on table gold.revenue is 'Paid orders, net of refunds, by minute of the order.';
comment on column gold.revenue.totals_sent_wrong is 'orders whose sent total is not the computed one';

create table gold.retention (
    table_name text        primary key,
    kept_since timestamptz not null
);
comment on table gold.retention is 'Before kept_since a table''s rows were removed, and no correction is taken.';

create table gold.refused_corrections (
    table_name text   not null,
    minute     timestamptz not null,
    refusals   bigint not null,
    primary key (table_name, minute)
);
comment on table gold.refused_corrections is 'Corrections of minutes whose rows had been removed.';

create table gold.spend (
    day          date   not null,
    source       text   not null,
    medium       text   not null,
    campaign     text   not null,
    currency     text   not null,
    amount_minor bigint not null,
    primary key (day, source, medium, campaign, currency)
);
comment on table gold.spend is 'What advertising cost, loaded by the job load_spend.';

create table gold.attribution_fits (
    model       text        not null,
    fit_version bigint      not null,
    fitted_at   timestamptz not null,
    fitted_on   jsonb       not null,
    weights     jsonb       not null,
    primary key (model, fit_version)
);
comment on table gold.attribution_fits is 'Fitted attribution models: source -> weight, and on what they were fitted; the latest fitted_at credits.';
