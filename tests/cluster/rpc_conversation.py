"""A fixed conversation with a server over RPC, and its answers in a form that does not depend on the run. The real Consul's are in
golden/rpc_answers.json."""
import re
import time

from rpc import OPTIONS, RpcError, lists, of_service, pack, read


def conversation(c):
    out=[]
    def do(label, method, args):
        try:
            out.append((label, method, c.call(method,args), None))
        except RpcError as e:
            out.append((label, method, None, str(e)))
    reg=lambda **k: {"Address":"10.0.0.9","Check":None,"Checks":None,"CreateIndex":0,"Datacenter":"dc1","ID":"","ModifyIndex":0,"Node":"n9","NodeMeta":None,"Service":None,"SkipNodeUpdate":False,"TaggedAddresses":None,"Token":"",**k}
    svc=lambda **k: {"Address":"","Connect":{"Native":False,"SidecarService":None},"CreateIndex":0,"EnableTagOverride":False,"ID":"web1","Kind":"","LocallyRegisteredAsSidecar":False,"Meta":{"v":"1"},"ModifyIndex":0,"Port":80,"Service":"web","TaggedAddresses":None,"Tags":["v1","primary"],"Weights":{"Passing":1,"Warning":1},**k}
    chk=lambda **k: {"CheckID":"c1","Name":"c one","Node":"n9","Status":"passing","ServiceID":"web1","ServiceName":"web","Output":"ok",**k}
    do("reg node","Catalog.Register",reg(ID="99999999-9999-9999-9999-999999999999",NodeMeta={"rack":"r1"},TaggedAddresses={"lan":"10.0.0.9"}))
    do("reg svc","Catalog.Register",reg(ID="99999999-9999-9999-9999-999999999999",SkipNodeUpdate=True,Service=svc(),Check=chk()))
    do("reg svc2","Catalog.Register",reg(SkipNodeUpdate=True,Service=svc(ID="db",Service="db",Tags=None,Meta=None,Weights=None),Checks=[chk(CheckID="c2",Status="",ServiceID="db",ServiceName="")]))
    do("reg proxy","Catalog.Register",reg(SkipNodeUpdate=True,Service=svc(ID="web-proxy",Service="web-proxy",Kind="connect-proxy",Port=81,Proxy={"DestinationServiceName":"web"})))
    do("reg no node","Catalog.Register",reg(Node=""))
    do("reg bad id","Catalog.Register",reg(ID="nope"))
    do("reg no addr","Catalog.Register",reg(Address=""))
    do("reg id without name","Catalog.Register",reg(Service=svc(Service="")))
    do("reg any addr","Catalog.Register",reg(Service=svc(Address="0.0.0.0")))
    do("reg no dc","Catalog.Register",reg(Datacenter=""))
    do("reg dc9","Catalog.Register",reg(Datacenter="dc9"))
    dereg=lambda **k: {"CheckID":"","Datacenter":"dc1","Node":"n9","ServiceID":"","Token":"",**k}
    do("dereg unknown node","Catalog.Deregister",dereg(Node="zzz"))
    do("dereg unknown svc","Catalog.Deregister",dereg(ServiceID="zzz"))
    do("dereg no node","Catalog.Deregister",dereg(Node=""))
    do("nodes","Catalog.ListNodes",lists())
    do("nodes stale","Catalog.ListNodes",lists(AllowStale=True))
    do("nodes consistent","Catalog.ListNodes",lists(RequireConsistent=True))
    do("nodes meta","Catalog.ListNodes",{**lists(),"NodeMetaFilters":{"rack":"r1"}})
    do("nodes meta none","Catalog.ListNodes",{**lists(),"NodeMetaFilters":{"rack":"zz"}})
    do("nodes filter","Catalog.ListNodes",lists(Filter='Meta.rack == "r1"'))
    do("nodes filter none","Catalog.ListNodes",lists(Filter='Node == "zz"'))
    do("nodes filter bad","Catalog.ListNodes",lists(Filter='Nope == "r1"'))
    do("nodes dc9","Catalog.ListNodes",lists(Datacenter="dc9"))
    do("nodes no dc","Catalog.ListNodes",lists(Datacenter=""))
    do("services","Catalog.ListServices",lists())
    do("services meta","Catalog.ListServices",{**lists(),"NodeMetaFilters":{"rack":"r1"}})
    do("services meta none","Catalog.ListServices",{**lists(),"NodeMetaFilters":{"rack":"zz"}})
    do("service list","Catalog.ServiceList",lists())
    do("svc nodes","Catalog.ServiceNodes",of_service("web"))
    do("svc nodes tag","Catalog.ServiceNodes",of_service("web",ServiceTags=["V1"],TagFilter=True))
    do("svc nodes old tag","Catalog.ServiceNodes",of_service("web",ServiceTag="primary",TagFilter=True))
    do("svc nodes tag none","Catalog.ServiceNodes",of_service("web",ServiceTags=["zz"],TagFilter=True))
    do("svc nodes tag unfiltered","Catalog.ServiceNodes",of_service("web",ServiceTags=["zz"]))
    do("svc nodes none","Catalog.ServiceNodes",of_service("zz"))
    do("svc nodes empty","Catalog.ServiceNodes",of_service(""))
    do("svc nodes connect","Catalog.ServiceNodes",of_service("web",Connect=True))
    do("svc nodes address","Catalog.ServiceNodes",of_service("",ServiceAddress="10.0.0.9"))
    do("svc nodes ingress","Catalog.ServiceNodes",of_service("web",Ingress=True))
    do("svc nodes filter","Catalog.ServiceNodes",of_service("web",Filter='ServicePort == 80'))
    do("node services","Catalog.NodeServices",read(Node="n9"))
    do("node services none","Catalog.NodeServices",read(Node="zz"))
    do("node services empty","Catalog.NodeServices",read(Node=""))
    do("node services filter","Catalog.NodeServices",read(Node="n9",Filter='Service == "web"'))
    do("node services filter none","Catalog.NodeServices",read(Node="n9",Filter='Service == "zz"'))
    do("node service list","Catalog.NodeServiceList",read(Node="n9"))
    do("node service list none","Catalog.NodeServiceList",read(Node="zz"))
    do("node service list empty","Catalog.NodeServiceList",read(Node=""))
    do("node service list filter none","Catalog.NodeServiceList",read(Node="n9",Filter='Service == "zz"'))
    do("gateway services","Catalog.GatewayServices",of_service("gw"))
    do("gateway services empty","Catalog.GatewayServices",of_service(""))
    do("dcs","Catalog.ListDatacenters",OPTIONS)
    do("node checks","Health.NodeChecks",read(Node="n9"))
    do("node checks none","Health.NodeChecks",read(Node="zz"))
    do("node checks filter","Health.NodeChecks",read(Node="n9",Filter='CheckID == "c1"'))
    do("svc checks","Health.ServiceChecks",of_service("web"))
    do("svc checks none","Health.ServiceChecks",of_service("zz"))
    do("svc checks tag","Health.ServiceChecks",of_service("web",ServiceTags=["v1"],TagFilter=True))
    do("svc checks tag2","Health.ServiceChecks",of_service("web",ServiceTag="v1"))
    do("svc checks meta","Health.ServiceChecks",{**of_service("web"),"NodeMetaFilters":{"rack":"r1"}})
    do("state any","Health.ChecksInState",lists(State="any",Filter='Node == "n9"'))
    do("state passing","Health.ChecksInState",lists(State="passing",Filter='Node == "n9"'))
    do("state warning","Health.ChecksInState",lists(State="warning"))
    do("state critical meta","Health.ChecksInState",{**lists(State="critical"),"NodeMetaFilters":{"rack":"r1"}})
    do("state empty","Health.ChecksInState",lists(State=""))
    do("health nodes","Health.ServiceNodes",of_service("web"))
    do("health nodes tag","Health.ServiceNodes",of_service("web",ServiceTags=["v1","primary"],TagFilter=True))
    do("health nodes none","Health.ServiceNodes",of_service("zz"))
    do("health nodes empty","Health.ServiceNodes",of_service(""))
    do("health nodes connect","Health.ServiceNodes",of_service("web",Connect=True))
    do("health nodes ingress","Health.ServiceNodes",of_service("web",Ingress=True))
    do("health nodes filter","Health.ServiceNodes",of_service("web",Filter='Service.Port == 81'))
    do("health nodes meta","Health.ServiceNodes",{**of_service("web"),"NodeMetaFilters":{"rack":"zz"}})
    kv=lambda op,key,**k: {"Datacenter":"dc1","DirEnt":{"CreateIndex":0,"Flags":0,"Key":key,"LockIndex":0,"ModifyIndex":0,"Session":"","Value":None,**k},"Op":op,"Token":""}
    for op,key,more in [("set","k/a",{"Value":b"1","Flags":7}),("set","k/b/c",{"Value":b"2"}),("set","k/b/d",{}),("set","",{}),("cas","k/a",{"Value":b"x","ModifyIndex":1}),("cas","k/new",{"Value":b"x"}),("cas","k/new",{"Value":b"x"}),("delete","k/zz",{}),("delete-cas","k/new",{"ModifyIndex":1}),("delete","k/new",{}),("bogus","k/a",{}),("lock","k/l",{"Session":"00000000-0000-0000-0000-000000000000"}),("unlock","k/l",{"Session":"00000000-0000-0000-0000-000000000000"}),("lock","k/l",{}),("delete-tree","zz",{}),("get","k/a",{})]:
        do(f"kv {op} {key} {more}","KVS.Apply",kv(op,key,**more))
    do("kv apply dc9","KVS.Apply",{**kv("set","a"),"Datacenter":"dc9"})
    for k in ["k/a","k/b/d","zz","", "k/new"]:
        do("get "+k,"KVS.Get",read(Key=k))
    for k in ["k","zz",""]:
        do("list "+k,"KVS.List",read(Key=k))
    for p,s in [("k/","/"),("k",""),("zz","/"),("","/")]:
        do(f"keys {p} {s}","KVS.ListKeys",read(Prefix=p,Seperator=s))
    kop=lambda verb,key,**k: {"Check":None,"Intention":None,"KV":{"DirEnt":{"CreateIndex":0,"Flags":0,"Key":key,"LockIndex":0,"ModifyIndex":0,"Session":"","Value":None,**k},"Verb":verb},"Node":None,"Service":None,"Session":None}
    oop=lambda **k: {"Check":None,"Intention":None,"KV":None,"Node":None,"Service":None,"Session":None,**k}
    txn=lambda *ops: {"Datacenter":"dc1","Ops":list(ops),"Token":""}
    do("txn set get","Txn.Apply",txn(kop("set","t/a",Value=b"v"),kop("get","t/a"),kop("get-tree","t/"),kop("check-not-exists","t/zz"),kop("delete","t/zz")))
    do("txn fail","Txn.Apply",txn(kop("set","t/b",Value=b"v"),kop("get","t/none"),kop("check-index","t/a",ModifyIndex=1)))
    do("txn empty key","Txn.Apply",txn(kop("set",""),kop("get",""),kop("get-tree","")))
    do("txn bad verb","Txn.Apply",txn(kop("bogus","t/a")))
    do("txn none","Txn.Apply",txn())
    do("txn node","Txn.Apply",txn(oop(Node={"Node":{"Node":"n10","Address":"10.0.0.10"},"Verb":"set"}),oop(Node={"Node":{"Node":"n10"},"Verb":"get"}),oop(Service={"Node":"n10","Service":{"Service":"s","Port":1},"Verb":"set"}),oop(Check={"Check":{"Node":"n10","Name":"ch"},"Verb":"set"})))
    do("txn bad node","Txn.Apply",txn(oop(Node={"Node":{"Node":"","Address":"10.0.0.10"},"Verb":"set"}),oop(Service={"Node":"n10","Service":{"ID":"s","Address":"0.0.0.0"},"Verb":"set"}),oop(Node={"Node":{"Node":"x","ID":"nope"},"Verb":"set"})))
    rtxn=lambda *ops: read(Ops=list(ops))
    do("rtxn","Txn.Read",rtxn(kop("get","t/a"),kop("get-tree","t/"),oop(Node={"Node":{"Node":"n10"},"Verb":"get"})))
    do("rtxn fail","Txn.Read",rtxn(kop("get","t/none")))
    do("rtxn empty key","Txn.Read",rtxn(kop("get",""),kop("get-tree","")))
    do("dereg n10","Catalog.Deregister",dereg(Node="n10"))
    do("ping","Status.Ping",{})
    do("leader","Status.Leader",lists())
    do("leader no dc","Status.Leader",lists(Datacenter=""))
    do("leader dc9","Status.Leader",lists(Datacenter="dc9"))
    do("peers","Status.Peers",lists())
    rm=lambda **k: {"Address":"","Datacenter":"dc1","ID":"","Token":"",**k}
    do("rm id","Operator.RaftRemovePeerByID",rm(ID="zz"))
    do("rm id empty","Operator.RaftRemovePeerByID",rm())
    do("rm addr","Operator.RaftRemovePeerByAddress",rm(Address="9.9.9.9:8300"))
    do("rm addr empty","Operator.RaftRemovePeerByAddress",rm())
    do("autopilot","Operator.AutopilotGetConfiguration",lists())
    ap={"CleanupDeadServers":True,"LastContactThreshold":200000000,"MaxTrailingLogs":250,"MinQuorum":0,"ServerStabilizationTime":10000000000,"RedundancyZoneTag":"","DisableUpgradeMigration":False,"UpgradeVersionTag":"","CreateIndex":0,"ModifyIndex":0}
    do("autopilot set","Operator.AutopilotSetConfiguration",{"Datacenter":"dc1","CAS":False,"Config":ap,"Token":""})
    do("autopilot cas","Operator.AutopilotSetConfiguration",{"Datacenter":"dc1","CAS":True,"Config":{**ap,"ModifyIndex":1},"Token":""})
    do("autopilot again","Operator.AutopilotGetConfiguration",lists())
    do("server health","Operator.ServerHealth",lists())
    do("node info","Internal.NodeInfo",read(Node="n9"))
    do("node info none","Internal.NodeInfo",read(Node="zz"))
    do("node dump","Internal.NodeDump",lists(Filter='Node == "n9"'))
    do("node dump none","Internal.NodeDump",lists(Filter='Node == "zz"'))
    do("service dump kind","Internal.ServiceDump",lists(ServiceKind="connect-proxy",UseServiceKind=True))
    do("service dump none","Internal.ServiceDump",lists(ServiceKind="mesh-gateway",UseServiceKind=True))
    do("gateway dump","Internal.GatewayServiceDump",of_service("gw"))
    for m in "TokenRead PolicyResolve RoleResolve TokenSet TokenClone TokenDelete TokenList TokenBatchRead PolicySet PolicyRead PolicyDelete PolicyList PolicyBatchRead RoleSet RoleRead RoleDelete RoleList RoleBatchRead BindingRuleSet BindingRuleRead BindingRuleDelete BindingRuleList AuthMethodSet AuthMethodRead AuthMethodDelete AuthMethodList Login Logout BootstrapTokens Authorize ReplicationStatus Apply Get List GetPolicy".split():
        do("acl","ACL."+m,read())
    for m in "ConnectCA.Roots ConnectCA.ConfigurationGet PreparedQuery.Get PreparedQuery.List PreparedQuery.Execute PreparedQuery.Explain Intention.List    ConfigEntry.Get ConfigEntry.ListAll DiscoveryChain.Get".split():
        do("other",m,lists(QueryIDOrName="zz",QueryID="11111111-1111-1111-1111-111111111112",Name="web",Kind="service-defaults",Node="zz",IntentionID="11111111-1111-1111-1111-111111111112"))
    for m in ["Catalog.Nope","Nope.X","Nope","ACL.Nope","a.b.c",""]:
        do("unknown",m,{})
    one=read(Kind="service-defaults",Name="web",Datacenter="dc1")
    do("entries","ConfigEntry.List",one)
    do("entries kind","ConfigEntry.List",read(Kind="foo",Name=""))
    do("entry kind","ConfigEntry.Get",read(Kind="foo",Name="x"))
    do("resolved","ConfigEntry.ResolveServiceConfig",read(Name="web",Upstreams=["db"]))
    # The arguments are a text that holds the kind and the request.
    entry=lambda kind,**k: pack(kind)+pack({"Datacenter":"dc1","Op":"delete","Token":"","Entry":{"Kind":kind,"Name":"zz"},**k})
    do("entry delete","ConfigEntry.Delete",entry("service-defaults"))
    do("entry delete kind","ConfigEntry.Delete",entry("foo"))
    do("entry delete dc9","ConfigEntry.Delete",entry("service-defaults",Datacenter="dc9"))
    some="11111111-1111-1111-1111-111111111112"
    who=lambda **k: read(**{"IntentionID":"","Check":None,"Match":None,**k})
    do("intention","Intention.Get",who(IntentionID=some))
    do("intention id","Intention.Get",who(IntentionID="zz"))
    do("matches","Intention.Match",who(Match={"Entries":[{"Name":"web","Namespace":"default"}],"Type":"destination"}))
    do("allowed","Intention.Check",who(Check={"DestinationNS":"default","DestinationName":"a","SourceNS":"default","SourceName":"b","SourceType":"consul"}))
    for op in ("delete","update"):
        do("intention "+op,"Intention.Apply",{"Datacenter":"dc1","Op":op,"Token":"","Intention":{"ID":some,"SourceName":"a","DestinationName":"b","SourceType":"consul","Action":"allow"}})
    do("query delete","PreparedQuery.Apply",{"Datacenter":"dc1","Op":"delete","Token":"","Query":{"ID":some}})
    do("gateways","FederationState.ListMeshGateways",read())
    do("federation dc9","FederationState.Get",read(TargetDatacenter="dc9"))
    for m in ("AutoEncrypt.Sign","AutoConfig.InitialConfiguration"):
        do("not here",m,{"Datacenter":"dc1","CSR":""})
    for op,key in (("list",""),("install","pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s="),("use","x")):
        do("keyring "+op,"Internal.KeyringOperation",read(Operation=op,Key=key,RelayFactor=0,Forwarded=False,LocalOnly=False))
    do("nil args","KVS.Get",None)
    do("dereg svc","Catalog.Deregister",dereg(ServiceID="web1"))
    do("dereg check","Catalog.Deregister",dereg(CheckID="c2"))
    do("dereg n9","Catalog.Deregister",dereg())
    do("kv clean","KVS.Apply",kv("delete-tree","k"))
    do("kv clean","KVS.Apply",kv("delete-tree","t"))
    return out


def shape(x, key=None):
    """Without what differs from run to run: indexes, ids, addresses, the order of Go's maps."""
    if isinstance(x, dict):
        return {k: shape(v, k) for k, v in sorted(x.items(), key=repr)}
    if isinstance(x, list):
        out = [shape(v) for v in x]
        return sorted(out, key=repr) if key in ("Services", "Nodes", "Servers") or (x and isinstance(x[0], str)) else out
    if key in ("Index", "CreateIndex", "ModifyIndex", "LastIndex", "LastTerm") and isinstance(x, int):
        return 0 if x == 0 else "some"
    if key in ("StableSince", "LastContact"):
        return "some"
    if isinstance(x, bytes):
        return x.hex()
    if isinstance(x, str):
        x = re.sub(r"127\.0\.0\.1:[0-9]+", "ADDRESS", x)
        x = re.sub(r"modify index [0-9]+", "modify index N", x)
        return re.sub(r"(?!9{8})[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID", x)
    return x


def answers(client):
    """label: answer or error."""
    deadline = time.monotonic() + 20
    while not all(n["TaggedAddresses"] for n in client.call("Catalog.ListNodes", lists())["Nodes"] or [{"TaggedAddresses": None}]):
        assert time.monotonic() < deadline, "the server did not register itself"
        time.sleep(0.1)
    out = {}
    for label, method, body, failure in conversation(client):
        out[f"{label} {method}"] = {"error": shape(failure)} if failure is not None else {"answer": shape(body)}
    return out
