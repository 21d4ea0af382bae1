// Endpoints that read (api/endpoints) as RPC methods: msgpack to arguments, rows to msgpack.
#pragma once
#include "api/consul_rpc/call.hpp"
#include "api/endpoints/carry_out.hpp"
#include "api/endpoints/subject.hpp"
#include "storage/state/read_view_long.hpp"

namespace actord::consul_rpc {

// A reply: the meta's fields and one of this name, whose value is there already as msgpack (in two pieces), in the order of names.
void append_reply(std::string& out, std::string_view field, std::string_view head, std::string_view value, const rpc::reply_meta& meta);
// The beginning of a list of so many, nil when it is empty.
std::string list_head(size_t count, bool or_empty);

// False when a transaction has more operations than client agents let through (answered). Counted before anything is made of them.
bool has_few_operations(call& c); // methods/state.cpp

// Rows as msgpack. What would not be sent yet is not encoded: has_all() is false then, and if it has come to be wanted meanwhile the
// endpoint is run again.
template <class Row> class encoded_rows final : public endpoints::rows<Row> {
public:
  encoded_rows(const query_meta& meta, const std::function<bool()>& wanted, bool whatever) : meta_(meta), wanted_(wanted), encodes_(whatever) {}
  bool add(const Row& r) override {
    if (count_++ == 0 && !encodes_) encodes_ = meta_.index == 0 || wanted_(); // 0: it is known at the end only
    if (encodes_) {
      if (bytes_.capacity() < few_bytes) bytes_.reserve(few_bytes);
      msgpack_encode(bytes_, r);
    }
    return !bounded_read::stops_at(count_, bytes_.size());
  }
  bool has_all() const { return encodes_ || count_ == 0; }
  size_t count() const { return count_; }
  const std::string& bytes() const { return bytes_; }

private:
  static constexpr size_t few_bytes = 512; // most answers are one small row: one allocation
  const query_meta& meta_;
  const std::function<bool()>& wanted_;
  bool encodes_;
  size_t count_ = 0;
  std::string bytes_;
};

template <class Endpoint> status look_at(const Endpoint& e, const typename Endpoint::arguments& args, look& at, const std::function<bool()>& wanted) {
  using kind = typename Endpoint::kind;
  endpoints::look inner{at.view, at.meta, endpoints::everything_allowed()};
  auto meta = [&] {
    at.reply.index = e.waits ? at.meta.index : 0;
    return at.reply;
  };
  if constexpr (kind::is_rows) {
    for (const bool whatever : {false, true}) {
      encoded_rows<typename kind::row> rows(at.meta, wanted, whatever);
      endpoints::rows<typename kind::row>& to = rows;
      if (auto s = endpoints::carry_out(e, args, inner, to); !s) return s;
      if (!wanted()) return {};
      if (!rows.has_all()) continue;
      // An empty list is nil, but [] once it was filtered, as Consul's.
      append_reply(at.out, e.field, list_head(rows.count(), e.filters && !args.options.filter.empty()), rows.bytes(), meta());
      break;
    }
  } else {
    typename Endpoint::answer found;
    if (auto s = endpoints::carry_out(e, args, inner, found); !s) return s;
    if (!wanted()) return {};
    if constexpr (requires { found.meta; }) found.meta = meta();
    if (e.field.empty()) msgpack_encode(at.out, found);
    else append_reply(at.out, e.field, {}, to_msgpack(found), meta());
  }
  return {};
}

template <const auto& Endpoint> void reads(call& c) {
  typename std::remove_cvref_t<decltype(Endpoint)>::arguments args;
  if constexpr (requires { args.ops; })
    if (!has_few_operations(c)) return;
  if (!c.decode(args) || !c.is_local(args.datacenter)) return;
  auto options = args.options;
  if (!Endpoint.waits) options.min_query_index = 0;
  const uint64_t subject = endpoints::subject_of(args);
  c.read(options, [args = std::move(args)](look& at, const std::function<bool()>& wanted) { return look_at(Endpoint, args, at, wanted); }, subject);
}

} // namespace actord::consul_rpc
