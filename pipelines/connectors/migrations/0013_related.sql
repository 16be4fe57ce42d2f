-- Products to name beside another one, replaced as a whole by the job build_related in one transaction with
-- its row in ops.ledger; the lake's table gold.related_products has the same lists, a row a place.

create table gold.related_products (
    sort       text               not null,
    product_id text               not null,
    products   text []            not null,
    scores     double precision [] not null,
    primary key (sort, product_id)
);
comment on table gold.related_products is 'One row per sort and product at hand: the products to name, the best first.';
comment on column gold.related_products.product_id is 'empty: for every product that is not here';
comment on column gold.related_products.scores is 'of each of the products; 0 where it is named because it sells';

create table gold.related_hit_rates (
    measured_at      timestamptz      not null,
    sort             text             not null,
    measure          text             not null,
    split_at         timestamptz      not null,
    steps            bigint           not null,
    visitors         bigint           not null,
    hit_rate         double precision,
    hit_rate_low     double precision,
    hit_rate_high    double precision,
    popular          double precision,
    popular_low      double precision,
    popular_high     double precision,
    gain             double precision,
    gain_low         double precision,
    gain_high        double precision,
    primary key (measured_at, sort, measure)
);
comment on table gold.related_hit_rates is
'One row per measurement and sort: how often the next product of a visit was among the ten named.';
comment on column gold.related_hit_rates.split_at is 'lists are of visits before it, steps of visits after it';
comment on column gold.related_hit_rates.popular is 'the same of the ten most popular products';
comment on column gold.related_hit_rates.gain is 'hit_rate - popular, with the interval of the difference';

create view dashboard.related_hit_rates with (security_barrier) as
select
    measured_at,
    sort,
    measure,
    split_at,
    steps,
    visitors,
    hit_rate,
    hit_rate_low,
    hit_rate_high,
    popular,
    popular_low,
    popular_high,
    gain,
    gain_low,
    gain_high
from gold.related_hit_rates;
comment on view dashboard.related_hit_rates is
'One row per measurement and sort of related products: how often they are right, and the most popular are.';
