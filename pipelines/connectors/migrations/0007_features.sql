-- The online store of feature sets: what is the same for all sets. The tables of each version of a set are
-- made from its definition. All of it can be made again from the lake.

create schema features;

create table features.sets (
    name                text        not null,
    version             integer     not null,
    covered_until_batch bigint,
    positions           jsonb,
    live_from_batch     bigint,
    definition          text        not null,
    made_at             timestamptz not null default now(),
    primary key (name, version)
);
comment on table features.sets is 'One row per version of a feature set that is live or being built.';
comment on column features.sets.covered_until_batch is
    'the batch of update_features up to which history was built; null: there is none, or it is being built';
comment on column features.sets.live_from_batch is
    'the first batch of update_features that the set took part in; null: it waits for its history';
comment on column features.sets.positions is 'topic -> partition -> next offset that this history covers';
comment on column features.sets.definition is 'what decides its values; another meaning needs a new version';

create table features.batches (
    batch_id     bigint      primary key,
    positions    jsonb       not null,
    is_exact     boolean     not null,
    committed_at timestamptz not null default now()
);
comment on table features.batches is 'One row per batch of update_features, the newest 10,000.';
comment on column features.batches.positions is
    'topic -> partition -> next offset: what all sets together cover after the batch';
comment on column features.batches.is_exact is
    'whether the sets hold every record below the positions, and none beyond';

create table features.links (
    visitor_id     text        collate "C" not null,
    user_id        text        collate "C" not null,
    first_known_at timestamptz not null,
    linked_at      timestamptz not null default now(),
    primary key (visitor_id, user_id)
);
create index links_by_user on features.links (user_id, visitor_id);
comment on table features.links is 'One row per visitor and user who was signed in there.';
comment on column features.links.first_known_at is 'arrival of the first record that names both';
comment on column features.links.linked_at is 'when the link came into this table';

-- Sums of 64 bits, null as 0. Postgres itself would refuse what lies beyond them, and stop the stream.

create function features.wrapped_sum(old bigint, new bigint) returns bigint
language sql immutable parallel safe
return mod(
    mod(old::numeric + new + 9223372036854775808, 18446744073709551616) + 18446744073709551616,
    18446744073709551616
) - 9223372036854775808;

create function features.added(old bigint, new bigint) returns bigint
language sql immutable parallel safe
return case
    when new is null or new = 0 then coalesce(old, 0)
    when old is null then new
    when old between -4611686018427387904 and 4611686018427387903
        and new between -4611686018427387904 and 4611686018427387903 then old + new
    else features.wrapped_sum(old, new)
end;
comment on function features.added is 'The sum; one beyond 64 bits begins again at the other end.';

-- Of sets and counts as the monoids LowestHashes and LowestCounts keep them: sorted by hash, no hash twice,
-- at most `size`. Null is the empty one.

create type features.counted as (hashes bigint[], texts text[], counts bigint[]);

create function features.united_hashes(old bigint[], new bigint[], size integer) returns bigint[]
language plpgsql immutable parallel safe as $$
begin
    -- An event seldom changes the sample: its hash is in it, or it is full of lower ones.
    if new <@ old or (cardinality(old) >= size and new[1] > old[cardinality(old)]) then
        return old;
    end if;
    return array(select distinct hash from unnest(old || new) as hash order by hash limit size);
end
$$;

create function features.lowest_hashes(old bigint[], new bigint[], size integer) returns bigint[]
language sql immutable parallel safe
return case
    when new is null then old
    when old is null then new
    else features.united_hashes(old, new, size)
end;
comment on function features.lowest_hashes is 'The `size` lowest hashes of two sorted sets.';

create function features.added_counts(
    old_hashes bigint[], old_texts text[], old_counts bigint[],
    new_hashes bigint[], new_texts text[], new_counts bigint[], size integer
) returns features.counted
language plpgsql immutable parallel safe as $$
declare
    merged features.counted;
    place integer;
begin
    -- Where every text is known already, only counts change.
    if new_hashes <@ old_hashes then
        for entry in 1 .. cardinality(new_hashes) loop
            place := array_position(old_hashes, new_hashes[entry]);
            old_counts[place] := old_counts[place] + new_counts[entry];
        end loop;
        return (old_hashes, old_texts, old_counts);
    end if;
    select
        array_agg(kept.hash order by kept.hash),
        array_agg(kept.words order by kept.hash),
        array_agg(kept.amount order by kept.hash)
    into merged.hashes, merged.texts, merged.counts
    from (
        select every.hash, min(every.words) as words, sum(every.amount)::bigint as amount
        from (
            select * from unnest(old_hashes, old_texts, old_counts)
            union all
            select * from unnest(new_hashes, new_texts, new_counts)
        ) as every (hash, words, amount)
        group by every.hash
        order by every.hash
        limit size
    ) as kept;
    return merged;
end
$$;

create function features.lowest_counts(
    old_hashes bigint[], old_texts text[], old_counts bigint[],
    new_hashes bigint[], new_texts text[], new_counts bigint[], size integer
) returns features.counted
language sql immutable parallel safe
return case
    when new_hashes is null then (old_hashes, old_texts, old_counts)::features.counted
    when old_hashes is null then (new_hashes, new_texts, new_counts)::features.counted
    else features.added_counts(
        old_hashes, old_texts, old_counts, new_hashes, new_texts, new_counts, size
    )
end;
comment on function features.lowest_counts is
    'Two samples as one: counts by text added up, those of the `size` lowest hashes.';
