// What Consul's RPC asks and answers about prepared queries; PreparedQuery.Apply has storage/command's query_request.
#pragma once
#include "storage/model/catalog.hpp"
#include "storage/model/prepared_query.hpp"
#include "storage/model/rpc_fields.hpp"

namespace actord::rpc {

struct query_get_request { // PreparedQuery.Get
  std::string datacenter, query_id;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("QueryID", s.query_id);
    read_options::fields(v, s.options);
  }
};

struct query_execute_request { // PreparedQuery.Execute, Explain
  std::string datacenter, query;
  int64_t limit = 0; // of the answer's rows; none when it is not positive
  bool connect = false;
  query_source source, agent; // near which node; who asks
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("QueryIDOrName", s.query);
    v("Limit", s.limit);
    v("Connect", s.connect);
    v("Source", s.source);
    v("Agent", s.agent);
    read_options::fields(v, s.options);
  }
};

struct query_execute_remote_request { // PreparedQuery.ExecuteRemote: of a server of another datacenter
  std::string datacenter;
  prepared_query query;
  int64_t limit = 0;
  bool connect = false;
  read_options options;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Query", s.query);
    v("Limit", s.limit);
    v("Connect", s.connect);
    read_options::fields(v, s.options);
  }
};

struct query_execute_reply {
  std::string service;
  list_of<check_service_node> nodes;
  query_dns dns;
  std::string datacenter; // whose nodes these are
  int64_t failovers = 0;
  reply_meta meta;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Service", s.service);
    v("Nodes", s.nodes);
    v("DNS", s.dns);
    v("Datacenter", s.datacenter);
    v("Failovers", s.failovers);
    reply_meta::fields(v, s.meta);
  }
};

struct query_explain_reply {
  prepared_query query;
  reply_meta meta;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Query", s.query);
    reply_meta::fields(v, s.meta);
  }
};

} // namespace actord::rpc
