#include "storage/state/query_table.hpp"
#include "storage/command/query_rules.hpp"
#include "storage/state/catalog_table.hpp"
#include "storage/state/read_view_long.hpp"
#include "storage/state/session_table.hpp"
#include "storage/state/view_access.hpp"
#include <cctype>

namespace actord {

namespace state {

namespace {

constexpr std::string_view index_name = "prepared-queries";

// No key is empty, but a template's name may be.
std::string prefix_key(std::string_view name) { return "p" + lower(name); }

std::optional<prepared_query> find_query(const lmdb::transaction& txn, const tables& t, std::string_view id) {
  return find_record<prepared_query>(txn, t.queries, lower(id));
}

// The id that an index of the table has under this key; "" for none.
std::string id_at(const lmdb::transaction& txn, const lmdb::table& names, std::string_view key) {
  std::string_view id;
  return !key.empty() && lmdb::get(txn, names, key, id) ? std::string(id) : std::string();
}

std::optional<prepared_query> query_at(const lmdb::transaction& txn, const lmdb::table& names, const tables& t, std::string_view key) {
  const auto id = id_at(txn, names, key);
  return id.empty() ? std::optional<prepared_query>() : load_indexed<prepared_query>(txn, t.queries, id);
}

bool is_uuid(std::string_view s) {
  if (s.size() != 36) return false;
  for (size_t i = 0; i < s.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (s[i] == '-') || (!dash && !std::isxdigit(static_cast<unsigned char>(s[i])))) return false;
  }
  return true;
}

void put_names(writing& w, const prepared_query& q, bool there) {
  const auto id = lower(q.id);
  auto set = [&](const lmdb::table& t, const std::string& key, std::string_view value) {
    if (there) lmdb::put(w.txn, t, key, value);
    else lmdb::erase(w.txn, t, key);
  };
  if (!q.name.empty()) set(w.t.query_names, lower(q.name), id);
  if (is_template(q)) set(w.t.query_prefixes, prefix_key(q.name), id);
  if (!q.session.empty()) set(w.t.query_sessions, lmdb::key_of({lower(q.session), id}), {});
}

void publish(writing& w) {
  w.raise_index(index_name);
  w.touch(topic_kind::queries);
}

void erase_query(writing& w, std::string_view id) {
  auto there = find_query(w.txn, w.t, id);
  if (!there) return;
  put_names(w, *there, false);
  lmdb::erase(w.txn, w.t.queries, lower(id));
  publish(w);
}

status refuse(std::string text) { return error(errc::internal, std::move(text)); }

status check_place(const writing& w, const prepared_query& q) {
  const auto is_other = [&](const std::optional<prepared_query>& found) { return found && lower(found->id) != lower(q.id); };
  if (!q.name.empty()) {
    if (is_other(query_at(w.txn, w.t.query_names, w.t, lower(q.name)))) return refuse("name '" + q.name + "' aliases an existing query name");
  } else if (is_template(q) && is_other(query_at(w.txn, w.t.query_prefixes, w.t, prefix_key({})))) {
    return refuse("a query template with an empty name already exists");
  }
  if (is_uuid(q.name) && find_query(w.txn, w.t, q.name)) return refuse("name '" + q.name + "' aliases an existing query ID");
  if (!q.session.empty()) {
    if (auto fault = id_fault(q.session); !fault.empty()) return refuse("invalid session: " + fault);
    if (!find_session(w.txn, w.t, q.session)) return refuse("invalid session \"" + q.session + "\"");
  }
  if (!is_template(q)) return {};
  auto compiles = check_template(q);
  return compiles ? compiles : refuse("failed compiling template: " + compiles.err().text);
}

status set_query(writing& w, prepared_query q) {
  if (q.id.empty()) return refuse("Missing prepared query ID");
  if (auto fault = id_fault(q.id); !fault.empty()) return refuse("failed prepared query lookup: " + fault);
  if (auto s = check_place(w, q); !s) return s;
  const auto before = find_query(w.txn, w.t, q.id);
  if (before) put_names(w, *before, false);
  q.create_index = before ? before->create_index : w.index;
  q.modify_index = w.index;
  put_record(w, w.t.queries, lower(q.id), q);
  put_names(w, q, true);
  publish(w);
  return {};
}

// The template with the longest name that `name` begins with: by asking for each beginning, or, where they are fewer, by looking at all.
// Its id, or "".
std::string find_template(const lmdb::transaction& txn, const tables& t, std::string_view name) {
  auto wanted = prefix_key(name);
  size_t rows = 0;
  if (lmdb::count(txn, t.query_prefixes) >= wanted.size()) {
    for (; !wanted.empty() && !bounded_read::stops_at(++rows, 0); wanted.pop_back())
      if (auto found = id_at(txn, t.query_prefixes, wanted); !found.empty()) return found;
    return {};
  }
  std::string best;
  lmdb::scan(txn, t.query_prefixes, {}, [&](std::string_view key, std::string_view id) {
    if (wanted.starts_with(key)) best = id; // a longer one sorts behind a shorter
    return key <= wanted && !bounded_read::stops_at(++rows, 0);
  });
  return best;
}

error told(const error& e) { return {e.code == errc::too_large ? errc::internal : e.code, e.text}; }

// What the query of this id is for who asks for `name`. A read that others wait for gives up before it has much to do.
result<std::optional<prepared_query>> filled_in(const lmdb::transaction& txn, const tables& t, template_cache& kept, std::string_view id,
                                                std::string_view name, std::string_view segment) {
  using found = std::optional<prepared_query>;
  std::string_view record;
  if (!lmdb::get(txn, t.queries, id, record)) lmdb::raise_corrupt("a record that an index names");
  auto compiled = kept.find(id, record);
  if (!compiled) {
    auto q = load_record<prepared_query>(record);
    if (!is_template(q)) return found(std::move(q));
    if (bounded_read::stops_at(0, compiled_template::effort_to_compile(q))) return found();
    auto made = compiled_template::compile(std::move(q));
    if (!made) return told(made.err());
    kept.keep(id, record, *made);
    compiled = std::move(*made);
  }
  if (bounded_read::stops_at(0, compiled->effort(name))) return found();
  auto filled = compiled->render(name, segment);
  return filled ? result<found>(found(std::move(*filled))) : told(filled.err());
}

} // namespace

status apply_query(writing& w, query_request r) {
  if (!r.query) return refuse("Missing prepared query ID");
  if (r.op == query_create) return set_query(w, std::move(*r.query));
  if (r.op != query_update && r.op != query_delete) return refuse("Invalid PreparedQuery operation '" + r.op + "'");
  if (auto fault = id_fault(r.query->id); !fault.empty()) return refuse("Prepared Query lookup failed: failed prepared query lookup: " + fault);
  if (!find_query(w.txn, w.t, r.query->id)) return refuse("Cannot modify non-existent prepared query: '" + r.query->id + "'");
  if (r.op == query_update) return set_query(w, std::move(*r.query));
  erase_query(w, r.query->id);
  return {};
}

void end_queries_of_session(writing& w, std::string_view session) {
  for (auto& [id] : keys_under<1>(w.txn, w.t.query_sessions, lmdb::key_of({lower(session)}))) erase_query(w, id);
}

} // namespace state

namespace {

void note_queries(const lmdb::transaction& txn, const state::tables& t, query_meta& meta) {
  if (meta.topics) meta.topics->push_back({topic_kind::queries, {}});
  state::raise_to(meta.index, state::get_index(txn, t, state::index_name));
}

using found_query = result<std::optional<prepared_query>>;
struct answer { // guarded() makes an empty one
  found_query value = std::optional<prepared_query>();
};

} // namespace

std::vector<prepared_query> read_view::queries(query_meta& meta) const {
  return guarded(impl_, [&](auto& txn, auto& t) {
    std::vector<prepared_query> out;
    note_queries(txn, t, meta);
    lmdb::scan(txn, t.queries, {}, [&](std::string_view, std::string_view bytes) {
      out.push_back(state::load_record<prepared_query>(bytes));
      return !bounded_read::stops_at_records(out.size());
    });
    return out;
  });
}

result<std::optional<prepared_query>> read_view::query(std::string_view id, query_meta& meta) const {
  auto out = guarded(impl_, [&](auto& txn, auto& t) -> answer {
    note_queries(txn, t, meta);
    if (auto fault = state::id_fault(id); !fault.empty()) return {error(errc::internal, "failed prepared query lookup: " + fault)};
    return {state::find_query(txn, t, id)};
  });
  return failed() ? found_query(failure()) : std::move(out.value);
}

result<std::optional<prepared_query>> read_view::resolve_query(std::string_view name_or_id, std::string_view segment) const {
  auto out = guarded(impl_, [&](auto& txn, auto& t) -> answer {
    if (state::is_uuid(name_or_id)) {
      auto by_id = state::find_query(txn, t, name_or_id);
      if (by_id && is_template(*by_id)) return {error(errc::internal, "prepared query templates can only be resolved up by name, not by ID")};
      if (by_id) return {std::move(by_id)};
    }
    auto id = state::id_at(txn, t.query_names, state::lower(name_or_id));
    if (id.empty()) id = state::find_template(txn, t, name_or_id);
    if (id.empty()) return {};
    return {state::filled_in(txn, t, impl_->store->templates, id, name_or_id, segment)};
  });
  return failed() ? found_query(failure()) : std::move(out.value);
}

} // namespace actord
