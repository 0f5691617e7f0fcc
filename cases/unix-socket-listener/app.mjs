import http from "node:http";
const items=[];
const json=(res,code,body,h={})=>{const b=JSON.stringify(body);res.writeHead(code,{"content-type":"application/json","content-length":Buffer.byteLength(b),...h});res.end(b)};
const read=(req)=>new Promise(r=>{let b="";req.on("data",d=>b+=d);req.on("end",()=>r(b))});
const sleep=ms=>new Promise(r=>setTimeout(r,ms));

const s=http.createServer(async(req,res)=>{
  const path=req.url.split("?")[0];
  if(path==="/slow"){await sleep(1500);return json(res,200,{ok:true})}
  if(path==="/ready"||path==="/live")return json(res,200,{ok:true});
  if(path==="/items"&&req.method==="POST"){await read(req);items.push(1);return json(res,201,{id:items.length})}
  if(path==="/items"&&req.method==="GET")return json(res,200,{items:items.slice(0,20)});
  json(res,404,{code:"not_found"});
});
s.listen("service.sock");process.on("SIGTERM",()=>s.close(()=>process.exit(0)));
