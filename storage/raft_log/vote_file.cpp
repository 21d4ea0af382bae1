#include "storage/raft_log/vote_file.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/tagged_fields.hpp"
#include "storage/lmdb/digest.hpp"
#include "storage/lmdb/key_codec.hpp"

namespace actord {

namespace {

constexpr std::string_view magic = "actord vote 1\n"; // a newer form has another number and is refused
constexpr size_t check_bytes = 8, most_bytes = 4 << 20;
// Append only.
enum field : uint64_t { f_term = 1, f_vote = 2, f_member = 3, f_closed = 4, f_last = 5, f_last_term = 6 };
enum member_field : uint64_t { m_index = 1, m_payload = 2, m_term = 3 };

std::string check_of(std::string_view body) {
  std::string out(check_bytes, '\0');
  lmdb::store_be64(out.data(), lmdb::hash_of_entry({}, body).low);
  return out;
}

stored_log_record member_of(std::string_view body) {
  stored_log_record r;
  r.kind = 2;
  field_walk f(body);
  while (f.next()) {
    if (f.number == m_index) r.index = raft_index{f.value};
    if (f.number == m_term) r.term = raft_term{f.value};
    if (f.number == m_payload) r.payload = f.bytes;
  }
  return r;
}

} // namespace

std::string vote_path(const std::string& folder) { return folder + "/vote"; }

result<vote_record> decode_vote(std::string_view all) {
  const error damaged{errc::corrupt, "the copy of the vote is damaged"};
  if (all.size() < magic.size() + check_bytes || !all.starts_with(magic)) return damaged;
  const auto body = all.substr(magic.size() + check_bytes);
  if (all.substr(magic.size(), check_bytes) != check_of(body)) return damaged;
  vote_record r;
  bool closed = false;
  std::pair<raft_index, raft_term> end;
  field_walk f(body);
  while (f.next()) {
    switch (f.number) {
    case f_term: r.term = raft_term{f.value}; break;
    case f_vote: r.vote = f.bytes; break;
    case f_member: r.members.push_back(member_of(f.bytes)); break;
    case f_closed: closed = f.value != 0; break;
    case f_last: end.first = raft_index{f.value}; break;
    case f_last_term: end.second = raft_term{f.value}; break;
    default: break;
    }
  }
  if (f.failed()) return damaged;
  if (closed) r.closed_at = end;
  return r;
}

std::string encode(const vote_record& r) {
  std::string body, one;
  put_number(body, f_term, r.term.v);
  put_bytes(body, f_vote, r.vote);
  for (auto& m : r.members) {
    one.clear();
    put_number(one, m_index, m.index.v);
    put_number(one, m_term, m.term.v);
    put_bytes(one, m_payload, m.payload);
    put_varint(body, f_member * 2 + 1); // index 0 without a payload is a field all the same
    put_varint(body, one.size());
    body += one;
  }
  if (r.closed_at) {
    put_number(body, f_closed, 1);
    put_number(body, f_last, r.closed_at->first.v);
    put_number(body, f_last_term, r.closed_at->second.v);
  }
  return std::string(magic) + check_of(body) + body;
}

result<std::optional<vote_record>> read_vote(const std::string& folder) {
  auto text = read_file(vote_path(folder), most_bytes);
  if (!text) return text.err();
  if (!*text) return std::optional<vote_record>();
  auto r = decode_vote(**text);
  if (!r) return error{r.err().code, vote_path(folder) + ": " + r.err().text};
  return std::optional<vote_record>(std::move(*r));
}

// A torn one is told by its checksum, and what it was to say was not acted upon then.
status write_vote(const std::string& folder, const vote_record& r) { return replace_or_overwrite(vote_path(folder), encode(r)); }

} // namespace actord
