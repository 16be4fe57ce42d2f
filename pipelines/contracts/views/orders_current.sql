-- One row per order: how it stands after its latest version.
-- Keys: order_id.
-- Versions are ordered as in order_versions. status is the latest version's. visitor_id is the first
-- version's; user_id and session_id are the first that a version names: who placed the order, and where.
-- placed_at and paid_at are the first such version's time, refunded_at and cancelled_at the last's;
-- first_occurred_at and last_occurred_at are of any version.
-- payment_attempts are payments that failed or succeeded; failure_reason is the last one given.
-- currency, payment_method and total_minor are the last that were sent, line_count the last version's,
-- refunds left out: a refund's total and lines are what it gave back. Amounts are minor units of currency.
-- paid_minor is the payment's total, else total_minor; an order that was refunded has been paid, even if
-- that version never came; 0 when nothing was paid. refunded_minor is the sum of what refunds gave back;
-- one refund without a total gives back all that was paid. It is not cut off at paid_minor.
-- net_minor is paid less refunded, and 0 for an order that was cancelled and not paid again after it: the
-- vocabulary knows `cancelled` before payment only, so a shop that cancels a paid order keeps nothing.
-- An amount nobody sent is null, not 0.
with facts as (
    select
        v.order_id,
        max_by(v.status, v.version) as status,
        min_by(v.visitor_id, v.version) as visitor_id,
        min_by(v.user_id, v.version) filter (where v.user_id is not null) as user_id,
        min_by(v.session_id, v.version) filter (where v.session_id is not null) as session_id,
        min(v.occurred_at) as first_occurred_at,
        max(v.occurred_at) as last_occurred_at,
        min(v.occurred_at) filter (where v.status = 'placed') as placed_at,
        min(v.occurred_at) filter (where v.status = 'paid') as paid_at,
        max(v.occurred_at) filter (where v.status = 'refunded') as refunded_at,
        max(v.occurred_at) filter (where v.status = 'cancelled') as cancelled_at,
        count(*) filter (where v.status in ('paid', 'payment_failed')) as payment_attempts,
        count(*) filter (where v.status = 'payment_failed') as failed_attempts,
        max_by(v.failure_reason, v.version) filter (
            where v.status = 'payment_failed' and v.failure_reason is not null
        ) as failure_reason,
        max_by(v.currency, v.version) filter (
            where v.status <> 'refunded' and v.currency is not null
        ) as currency,
        max_by(v.payment_method, v.version) filter (
            where v.status <> 'refunded' and v.payment_method is not null
        ) as payment_method,
        max_by(v.line_count, v.version) filter (where v.status <> 'refunded') as line_count,
        max_by(v.total_minor, v.version) filter (
            where v.status <> 'refunded' and v.total_minor is not null
        ) as total_minor,
        max_by(v.total_minor, v.version) filter (
            where v.status = 'paid' and v.total_minor is not null
        ) as payment_minor,
        max(v.version) filter (where v.status = 'paid') as paid_version,
        max(v.version) filter (where v.status = 'cancelled') as cancelled_version,
        count(*) filter (where v.status = 'refunded') as refunds,
        count(*) filter (where v.status = 'refunded' and v.total_minor is null) as whole_refunds,
        sum(v.total_minor) filter (where v.status = 'refunded') as given_back_minor,
        count(*) as versions
    from {silver.order_versions} as v
    group by v.order_id
),

amounts as (
    select
        f.*,
        case
            when f.paid_version is not null or f.refunds > 0 then coalesce(f.payment_minor, f.total_minor)
            else 0
        end as paid_minor
    from facts as f
),

sums as (
    select
        a.*,
        case
            when a.whole_refunds > 0 then a.paid_minor
            else cast(coalesce(a.given_back_minor, 0) as bigint)
        end as refunded_minor
    from amounts as a
)

select
    s.order_id,
    s.status,
    s.visitor_id,
    s.user_id,
    s.session_id,
    s.first_occurred_at,
    s.last_occurred_at,
    s.placed_at,
    s.paid_at,
    s.refunded_at,
    s.cancelled_at,
    s.payment_attempts,
    s.failed_attempts,
    s.failure_reason,
    s.payment_method,
    s.currency,
    s.line_count,
    s.total_minor,
    s.paid_minor,
    s.refunded_minor,
    case
        when s.cancelled_version > coalesce(s.paid_version, 0) then 0
        else s.paid_minor - s.refunded_minor
    end as net_minor,
    s.versions
from sums as s
