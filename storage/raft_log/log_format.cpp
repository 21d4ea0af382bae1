#include "storage/raft_log/log_format.hpp"
#include "storage/lmdb/digest.hpp"
#include "storage/lmdb/key_codec.hpp"
#include <cstring>

namespace actord::log_format {

namespace {

constexpr size_t old_header_bytes = 9;
constexpr uint8_t checked_bit = 0x80;
constexpr uint64_t checked_position = uint64_t{1} << 63;
constexpr size_t old_position_bytes = 32, position_bytes = 56, journal_position_bytes = 72;

void store_be32(char* to, uint32_t v) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<char>(v >> (24 - 8 * i));
}

uint32_t check_of(raft_index index, raft_term term, uint8_t kind, std::string_view payload) {
  char head[17];
  lmdb::store_be64(head, index.v);
  lmdb::store_be64(head + 8, term.v);
  head[16] = static_cast<char>(kind);
  return static_cast<uint32_t>(lmdb::hash_of_entry(lmdb::hash_of_key({head, sizeof head}), payload).low);
}

uint64_t check_of(std::string_view numbers, std::string_view vote) { return lmdb::hash_of_entry(lmdb::hash_of_key(numbers), vote).low; }

} // namespace

void encode_entry(const log_record& r, char* to) {
  lmdb::store_be64(to, r.term.v);
  to[8] = static_cast<char>(r.kind | checked_bit);
  store_be32(to + 9, check_of(r.index, r.term, r.kind, r.payload));
  if (!r.payload.empty()) std::memcpy(to + header_bytes, r.payload.data(), r.payload.size());
}

size_t payload_size(std::string_view value) {
  const bool checked = value.size() > 8 && (static_cast<uint8_t>(value[8]) & checked_bit) != 0;
  const auto head = checked ? header_bytes : old_header_bytes;
  return value.size() < head ? 0 : value.size() - head;
}

std::optional<log_record> decode_entry(std::string_view key, std::string_view value) {
  if (key.size() != 8 || value.size() < old_header_bytes) return {};
  const auto mark = static_cast<uint8_t>(value[8]);
  const bool checked = (mark & checked_bit) != 0;
  if (checked && value.size() < header_bytes) return {};
  log_record r{raft_index{lmdb::load_be64(key.data())}, raft_term{lmdb::load_be64(value.data())}, static_cast<uint8_t>(mark & ~checked_bit),
               value.substr(checked ? header_bytes : old_header_bytes)};
  if (r.kind > highest_kind) return {};
  char check[4];
  store_be32(check, check_of(r.index, r.term, r.kind, r.payload));
  if (checked && std::memcmp(check, value.data() + 9, 4) != 0) return {};
  return r;
}

std::string encode(const position& p) {
  std::string out(p.journal ? journal_position_bytes : position_bytes, '\0');
  const uint64_t numbers[] = {p.cut_index.v, p.cut_term.v, p.bytes | checked_position, p.term.v, p.last->first.v, p.last->second.v};
  for (size_t i = 0; i < 6; ++i) lmdb::store_be64(out.data() + 8 * i, numbers[i]);
  if (p.journal) {
    lmdb::store_be64(out.data() + position_bytes, p.journal->generation);
    lmdb::store_be64(out.data() + position_bytes + 8, p.journal->bytes);
    out += p.vote;
    lmdb::store_be64(out.data() + 48, ~check_of(std::string_view(out).substr(0, 48), std::string_view(out).substr(position_bytes)));
    return out;
  }
  lmdb::store_be64(out.data() + 48, check_of(std::string_view(out).substr(0, 48), p.vote));
  return out + p.vote;
}

std::optional<position> decode_position(std::string_view in) {
  if (in.size() < old_position_bytes) return {};
  auto number = [&](size_t i) { return lmdb::load_be64(in.data() + 8 * i); };
  position p{raft_index{number(0)}, raft_term{number(1)}, number(2) & ~checked_position, raft_term{number(3)}, {}, {}, {}};
  if ((number(2) & checked_position) == 0) {
    p.vote = in.substr(old_position_bytes);
    return p;
  }
  if (in.size() < position_bytes) return {};
  p.vote = in.substr(position_bytes);
  const auto check = check_of(in.substr(0, 48), p.vote);
  p.last.emplace(raft_index{number(4)}, raft_term{number(5)});
  if (number(6) == check) return p;
  if (number(6) != ~check || in.size() < journal_position_bytes) return {};
  p.journal = journal_mark{number(7), number(8)};
  p.vote = in.substr(journal_position_bytes);
  return p;
}

} // namespace actord::log_format
