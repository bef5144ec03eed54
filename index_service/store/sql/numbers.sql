-- name: readable
-- Whether the database has data keys for numbers, and lets this login read them.
SELECT coalesce(has_table_privilege(to_regclass('public.number_key'), 'SELECT'), false)

-- name: keys
-- The data keys, sealed; the newest last.
SELECT key_id, sealed FROM public.number_key ORDER BY created_at, key_id

-- name: make_key
-- The first data key, unless there is one.
INSERT INTO public.number_key (key_id, sealed)
SELECT %(key_id)s, %(sealed)s WHERE NOT EXISTS (SELECT FROM public.number_key)

-- name: keys_for_update
-- The data keys while they are sealed anew.
SELECT key_id, sealed FROM public.number_key ORDER BY created_at, key_id FOR UPDATE

-- name: seal_anew
-- A data key under another master key.
UPDATE public.number_key SET sealed = %(sealed)s, sealed_at = clock_timestamp() WHERE key_id = %(key_id)s
