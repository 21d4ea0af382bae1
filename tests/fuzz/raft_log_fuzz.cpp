// Whatever the disk gives back of a Raft log: its records are decoded or turned down, and what was decoded survives another
// round trip.
#include "storage/raft_log/log_format.hpp"
#include "storage/raft_log/vote_file.hpp"
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace actord;
  const std::string_view in(reinterpret_cast<const char*>(bytes), size);
  if (auto p = log_format::decode_position(in)) {
    p->last.emplace(raft_index{1}, raft_term{1});
    auto again = log_format::decode_position(log_format::encode(*p));
    if (!again || again->vote != p->vote || again->cut_index != p->cut_index || again->bytes != p->bytes) std::abort();
  }
  if (size >= 8) {
    if (auto r = log_format::decode_entry(in.substr(0, 8), in.substr(8))) {
      std::string value(log_format::header_bytes + r->payload.size(), '\0');
      log_format::encode_entry(*r, value.data());
      auto again = log_format::decode_entry(in.substr(0, 8), value);
      if (!again || again->payload != r->payload || again->kind != r->kind || log_format::payload_size(value) != r->payload.size()) std::abort();
    }
  }
  if (auto v = decode_vote(in)) {
    auto again = decode_vote(encode(*v));
    if (!again || again->vote != v->vote || again->members.size() != v->members.size()) std::abort();
  }
  // Behind a right check value the fields can be anything.
  vote_record r;
  r.vote = in;
  r.members.push_back({raft_index{size}, raft_term{1}, 2, std::string(in)});
  if (auto v = decode_vote(encode(r)); !v || v->vote != in || v->members[0].payload != in) std::abort();
  return 0;
}
