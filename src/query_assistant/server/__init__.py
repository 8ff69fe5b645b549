"""The assistant for people and programs: one process, one desk, asked by a page, an HTTP API and MCP.

documents     what is asked and answered       desk          everything that can be asked
typed         what people type, within bounds  sources       the replicas and the live APIs
explanation   all there is to say of a query   feedback      corrections and thumbs
parts         a query as the things it says, presentation beside its conditions; vocabulary: the words for them
coverage      which words nothing says         results       hits, rows, facets
copies        a call for elsewhere             answering_thread, bounded_work   who works, and how much at once
endpoints     /api                             tools         /mcp
page          the page: its layout, events, markup           gate, hosting      who may ask, and the process
"""
