#include "actors/raft/core/wire.hpp"
#include "runtime/base/tagged_fields.hpp"

namespace actord::raft {

namespace {

// Field numbers of a message and of an entry inside of it: append only.
enum message_field : uint64_t {
  f_kind = 1, f_from = 2, f_to = 3, f_term = 4, f_log_index = 5, f_log_term = 6, f_commit = 7, f_rejected_prev = 8,
  f_round = 9, f_reject = 10, f_transfer = 11, f_entry = 12,
  f_members = 13, f_members_index = 14,
};
enum membership_field : uint64_t { c_voter = 1, c_learner = 2, c_address = 3 };
enum address_field : uint64_t { a_server = 1, a_address = 2 };
enum entry_field : uint64_t { e_index = 1, e_term = 2, e_kind = 3, e_payload = 4 };

constexpr uint64_t highest_kind = static_cast<uint64_t>(message_kind::timeout_now);

size_t number_size(uint64_t v) { return v == 0 ? 0 : 1 + varint_size(v); }

void put_entry(std::string& out, const entry& e) {
  const auto kind = static_cast<uint64_t>(e.kind);
  const size_t payload = e.size() == 0 ? 0 : 1 + varint_size(e.size()) + e.size();
  put_varint(out, f_entry * 2 + 1);
  put_varint(out, number_size(e.index.v) + number_size(e.term.v) + number_size(kind) + payload);
  put_number(out, e_index, e.index.v);
  put_number(out, e_term, e.term.v);
  put_number(out, e_kind, kind);
  put_bytes(out, e_payload, e.bytes());
}

error corrupt(const char* what) { return error(errc::corrupt, std::string("raft message: ") + what); }

result<entry> decode_entry(std::string_view body) {
  entry e;
  e.kind = entry_kind::noop;
  field_walk f(body);
  while (f.next()) {
    const uint64_t n = f.is_bytes ? 0 : f.value;
    switch (f.number) {
    case e_index: e.index = raft_index{n}; break;
    case e_term: e.term = raft_term{n}; break;
    case e_kind:
      if (n > static_cast<uint64_t>(entry_kind::membership)) return corrupt("unknown kind of entry");
      e.kind = static_cast<entry_kind>(n);
      break;
    case e_payload:
      if (!f.bytes.empty()) e.payload = std::make_shared<const std::string>(f.bytes);
      break;
    default: break;
    }
  }
  if (f.failed()) return corrupt("truncated entry");
  return e;
}

result<std::pair<server_id, std::string>> decode_address(std::string_view body, const wire_limits& limits) {
  std::pair<server_id, std::string> out;
  field_walk f(body);
  while (f.next()) {
    if (f.number != a_server && f.number != a_address) continue;
    const size_t most = f.number == a_server ? limits.max_id_bytes : limits.max_address_bytes;
    if (!f.is_bytes || f.bytes.size() > most) return corrupt("bad address of a server");
    (f.number == a_server ? out.first : out.second) = std::string(f.bytes);
  }
  if (f.failed() || out.first.empty()) return corrupt("bad address of a server");
  return out;
}

} // namespace

void encode(const membership& m, std::string& out) {
  for (const auto& id : m.voters) put_bytes(out, c_voter, id);
  for (const auto& id : m.learners) put_bytes(out, c_learner, id);
  std::string one;
  for (const auto& [id, address] : m.addresses) {
    one.clear();
    put_bytes(one, a_server, id);
    put_bytes(one, a_address, address);
    put_bytes(out, c_address, one);
  }
}

result<membership> decode_membership(std::string_view body, const wire_limits& limits) {
  if (body.size() > limits.max_message_bytes) return corrupt("too long");
  membership m;
  field_walk f(body);
  while (f.next()) {
    switch (f.number) {
    case c_voter:
    case c_learner: {
      auto& group = f.number == c_voter ? m.voters : m.learners;
      if (!f.is_bytes || f.bytes.empty() || f.bytes.size() > limits.max_id_bytes) return corrupt("bad server id");
      if (group.size() >= limits.max_members) return corrupt("too many servers");
      group.emplace_back(f.bytes);
      break;
    }
    case c_address: {
      if (!f.is_bytes) return corrupt("bad address of a server");
      if (m.addresses.size() >= 2 * limits.max_members) return corrupt("too many servers");
      auto one = decode_address(f.bytes, limits);
      if (!one) return one.err();
      m.addresses.insert(std::move(*one));
      break;
    }
    default: break;
    }
  }
  if (f.failed()) return corrupt("truncated configuration");
  return m;
}

void encode(const message& m, std::string& out) {
  put_number(out, f_kind, static_cast<uint64_t>(m.kind));
  put_bytes(out, f_from, m.from);
  put_bytes(out, f_to, m.to);
  put_number(out, f_term, m.term.v);
  put_number(out, f_log_index, m.log_index.v);
  put_number(out, f_log_term, m.log_term.v);
  put_number(out, f_commit, m.commit.v);
  put_number(out, f_rejected_prev, m.rejected_prev.v);
  put_number(out, f_round, m.round);
  put_number(out, f_reject, m.reject ? 1 : 0);
  put_number(out, f_transfer, m.transfer ? 1 : 0);
  for (const auto& e : m.entries) put_entry(out, e);
  if (!m.members) return;
  std::string members;
  encode(*m.members, members);
  put_bytes(out, f_members, members);
  put_number(out, f_members_index, m.members_index.v);
}

result<message> decode(std::string_view body, const wire_limits& limits) {
  if (body.size() > limits.max_message_bytes) return corrupt("too long");
  message m;
  uint64_t kind = 0;
  field_walk f(body);
  while (f.next()) {
    const uint64_t n = f.is_bytes ? 0 : f.value;
    switch (f.number) {
    case f_kind: kind = n; break;
    case f_from:
    case f_to:
      if (!f.is_bytes || f.bytes.size() > limits.max_id_bytes) return corrupt("bad server id");
      (f.number == f_from ? m.from : m.to) = std::string(f.bytes);
      break;
    case f_term: m.term = raft_term{n}; break;
    case f_log_index: m.log_index = raft_index{n}; break;
    case f_log_term: m.log_term = raft_term{n}; break;
    case f_commit: m.commit = raft_index{n}; break;
    case f_rejected_prev: m.rejected_prev = raft_index{n}; break;
    case f_round: m.round = n; break;
    case f_reject: m.reject = n != 0; break;
    case f_transfer: m.transfer = n != 0; break;
    case f_entry: {
      if (!f.is_bytes) return corrupt("bad entry");
      if (m.entries.size() >= limits.max_entries) return corrupt("too many entries");
      auto e = decode_entry(f.bytes);
      if (!e) return e.err();
      m.entries.push_back(std::move(*e));
      break;
    }
    case f_members: {
      if (!f.is_bytes) return corrupt("bad configuration");
      auto members = decode_membership(f.bytes, limits);
      if (!members) return members.err();
      m.members = std::move(*members);
      break;
    }
    case f_members_index: m.members_index = raft_index{n}; break;
    default: break; // said by a newer server
    }
  }
  if (f.failed()) return corrupt("truncated");
  if (kind == 0 || kind > highest_kind) return corrupt("unknown kind");
  m.kind = static_cast<message_kind>(kind);
  return m;
}

} // namespace actord::raft
