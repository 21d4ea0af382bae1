// A read passed on to a server: what RPC encodes is what comes out again, and what is no reply is none.
#include "api/consul_rpc/reads.hpp"
#include "api/dispatch/forward.hpp"
#include "api/endpoints/table.hpp"
#include <doctest/doctest.h>

using namespace actord;

namespace {

template <class Row> struct listed final : endpoints::rows<Row> {
  std::vector<Row> all;
  size_t most = SIZE_MAX;
  bool add(const Row& r) override { return all.push_back(r), all.size() < most; }
};

std::string reply_of(std::string_view field, const std::vector<node_record>& nodes, const rpc::reply_meta& meta) {
  std::string out, rows;
  for (auto& n : nodes) msgpack_encode(rows, n);
  consul_rpc::append_reply(out, field, consul_rpc::list_head(nodes.size(), false), rows, meta);
  return out;
}

std::vector<node_record> two_nodes() {
  std::vector<node_record> out(2);
  out[0].node = "a";
  out[1].node = "b";
  return out;
}

} // namespace

TEST_CASE("a reply's rows and meta come out as they went in, wherever the field's name stands among the meta's") {
  rpc::reply_meta meta;
  meta.index = 9;
  meta.known_leader = true;
  meta.last_contact = std::chrono::milliseconds(5);
  {
    auto* endpoint = &endpoints::catalog::list_nodes;
    listed<node_record> rows;
    rpc::reply_meta told;
    CHECK(dispatch::take_reply(*endpoint, reply_of(endpoint->field, two_nodes(), meta), static_cast<endpoints::rows<node_record>&>(rows), told));
    CHECK(rows.all == two_nodes());
    CHECK(told.index == 9);
    CHECK(told.known_leader);
    CHECK(told.last_contact == std::chrono::milliseconds(5));
  }
  for (const std::string_view field : {"Dump", "Keys", "Nodes", "Coordinates", "Zzz"}) {
    const auto bytes = reply_of(field, {}, meta);
    msgpack_reader r(bytes);
    std::string_view last;
    CHECK(r.map() == 5);
    for (int i = 0; i < 5; ++i) {
      const auto name = r.raw();
      CHECK(last < name);
      last = name;
      r.skip();
    }
    CHECK(r.ok());
  }
}

TEST_CASE("what does not decode is no reply, and not an empty one") {
  for (const std::string& bad : {std::string("\xc1"), std::string("\x81\xa5Nodes\x91"), std::string("\x90"), std::string()}) {
    listed<node_record> rows;
    rpc::reply_meta told;
    CHECK_FALSE(dispatch::take_reply(endpoints::catalog::list_nodes, bad, static_cast<endpoints::rows<node_record>&>(rows), told));
    CHECK(rows.all.empty());
  }
}

TEST_CASE("who has enough gets no more rows, and the meta behind them all the same") {
  rpc::reply_meta meta, told;
  meta.index = 3;
  listed<node_record> rows;
  rows.most = 1;
  CHECK(dispatch::take_reply(endpoints::catalog::list_nodes, reply_of("Aaa", {}, meta), static_cast<endpoints::rows<node_record>&>(rows), told));
  CHECK(rows.all.empty());
  CHECK(dispatch::take_reply(endpoints::catalog::list_nodes, reply_of("Nodes", two_nodes(), meta), static_cast<endpoints::rows<node_record>&>(rows), told));
  CHECK(rows.all.size() == 1);
  CHECK(told.index == 3);
}
