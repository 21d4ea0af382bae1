// What is remembered of a read that took long is of what it asked for, not of how it was asked.
#include "api/endpoints/subject.hpp"
#include "storage/model/rpc_queries.hpp"
#include "storage/model/rpc_requests.hpp"
#include <doctest/doctest.h>

using namespace actord;
using endpoints::subject_of;

TEST_CASE("names in any spelling are one subject, keys in another are another") {
  rpc::service_request s, t;
  s.service = "fatservicename";
  t.service = "FatServiceName";
  CHECK(subject_of(s) == subject_of(t));
  t.service = "fatservicenames";
  CHECK(subject_of(s) != subject_of(t));
  rpc::node_request n, o;
  n.node = "node1";
  o.node = "NODE1";
  CHECK(subject_of(n) == subject_of(o));
  rpc::key_request k, l;
  k.key = "a/b";
  l.key = "A/b";
  CHECK(subject_of(k) != subject_of(l));
}

TEST_CASE("what an asker wants of what is found makes no other subject, nor does what is put before it") {
  rpc::service_request s, t;
  s.service = t.service = "web";
  t.datacenter = "dc1";
  t.node_meta["rack"] = "7";
  t.tags.push_back("v2");
  t.options.filter = "Node.Node == x";
  t.options.min_query_index = 12;
  CHECK(subject_of(s) == subject_of(t));
}

// One that fills in a template may take long, another one never does.
TEST_CASE("executions of prepared queries are told apart by what they ask for") {
  rpc::query_execute_request q, r;
  q.query = "Geo-Web";
  r.query = "geo-web";
  CHECK(subject_of(q) == subject_of(r));
  r.query = "geo-db";
  CHECK(subject_of(q) != subject_of(r));
  rpc::query_execute_remote_request s, t;
  s.query.service.service = "web";
  t.query.service.service = "db";
  CHECK(subject_of(s) != subject_of(t));
  rpc::query_get_request g, h;
  g.query_id = "1";
  h.query_id = "2";
  CHECK(subject_of(g) != subject_of(h));
}
