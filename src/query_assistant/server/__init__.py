"""The assistant for people and programs: one process, one desk, asked by a page, an HTTP API and MCP.

documents     what is asked and answered       desk          everything that can be asked
parts         a query as the things it says    results       hits, rows, facets
copies        a call for elsewhere             answering_thread, bounded_work   who works, and how much at once
endpoints     /api                             tools         /mcp
page, markup  the page                         gate, hosting who may ask, and the process
"""
