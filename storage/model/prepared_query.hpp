// Prepared queries.
#pragma once
#include "runtime/base/fields.hpp"

namespace actord {

struct query_failover {
  int64_t nearest_n = 0;
  string_slice datacenters;
  bool operator==(const query_failover&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("NearestN", s.nearest_n);
    v("Datacenters", s.datacenters);
  }
};

struct query_service {
  std::string service;
  query_failover failover;
  bool only_passing = false;
  string_slice ignore_check_i_ds;
  std::string near;
  string_slice tags;
  string_table node_meta;
  string_table service_meta;
  bool connect = false;
  bool operator==(const query_service&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Service", s.service);
    v("Failover", s.failover);
    v("OnlyPassing", s.only_passing);
    v("IgnoreCheckIDs", s.ignore_check_i_ds);
    v("Near", s.near);
    v("Tags", s.tags);
    v("NodeMeta", s.node_meta);
    v("ServiceMeta", s.service_meta);
    v("Connect", s.connect);
  }
};

struct query_dns {
  std::string ttl;
  bool operator==(const query_dns&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("TTL", s.ttl);
  }
};

// type is "" or "name_prefix_match".
struct query_template {
  std::string type;
  std::string regexp;
  bool remove_empty_tags = false;
  bool operator==(const query_template&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Type", s.type);
    v("Regexp", s.regexp);
    v("RemoveEmptyTags", s.remove_empty_tags);
  }
};

struct prepared_query {
  std::string id;
  std::string name;
  std::string session;
  std::string token;
  query_template pattern;
  query_service service;
  query_dns dns;
  uint64_t create_index = 0;
  uint64_t modify_index = 0;
  bool operator==(const prepared_query&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Name", s.name);
    v("Session", s.session);
    v("Token", s.token);
    v("Template", s.pattern);
    v("Service", s.service);
    v("DNS", s.dns);
    v("CreateIndex", s.create_index);
    v("ModifyIndex", s.modify_index);
  }
};

} // namespace actord
